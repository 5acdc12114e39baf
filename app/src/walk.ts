/** Which pair is on the screen, what was decided on it, and how the panel gets to the next. */

import type { Call } from "./calls";
import { executeOperator, useCallback, useEffect, useRef, useState } from "./fiftyone";
import { type Decision, decideOn, type Pair, type Region } from "./pair";
import { prepare } from "./pictures";

/** What the Python panel answers; nothing where there is no pair to go to. */
interface Described {
  pair?: Pair | null;
  ahead?: Pair[];
  message?: string;
}

interface Shown {
  pair: Pair | null;
  /** The pairs that follow in the order, nearest first: shown without waiting for an answer. */
  ahead: Pair[];
  message: string;
}

export interface Walk extends Shown {
  /** An answer is awaited that decides which pair comes: nothing may be decided meanwhile, and moves are kept. */
  waiting: boolean;
  /** How many decisions are on their way to the database. */
  storing: number;
  /** What became of the latest decision. */
  told: Told | null;
  /** Decisions that could not be stored, until they are. */
  lost: Lost[];
  decide(decision: Decision | null, region: Region | null): void;
  go(by: number): void;
  choose(base: string): void;
  /** Show a pair by the id that the modal knows it by. */
  open(id: string): void;
}

export interface Told {
  text: string;
  failed: boolean;
}

export interface Lost {
  about: string;
  text: string;
  opened: string;
}

const NOTHING: Shown = { pair: null, ahead: [], message: "" };

/** Who asked for the pair that an answer brings; nobody where the pair is on the screen already. */
type Asker = "user" | "modal" | "nobody";

const LONGEST_LINE = 20;

export function useWalk(call: Call, opened: string | null): Walk {
  const [shown, setShown] = useState(NOTHING);
  const [waiting, setWaiting] = useState(false);
  const [told, setTold] = useState<Told | null>(null);
  const [storing, setStoring] = useState(0);
  const [lost, setLost] = useState<Lost[]>([]);
  /** What is shown, for calls that come back between two drawings. */
  const now = useRef(NOTHING);
  /** How many times the panel asked where it is: only the latest answer counts. */
  const asked = useRef(0);
  const asking = useRef(false);
  /** For whom an answer is awaited. */
  const awaited = useRef<Asker>("nobody");
  /** What the user asked for meanwhile: done in order, each from the pair that the one before led to. */
  const line = useRef<(() => void)[]>([]);
  const mounted = useMounted();

  const show = useCallback((next: Shown) => {
    now.current = next;
    setShown(next);
    next.ahead.forEach(prepare);
  }, []);

  const goOn = () => {
    while (awaited.current === "nobody" && line.current.length) line.current.shift()?.();
  };

  const ask = useCallback(async (method: string, params: object, asker: Asker) => {
    const mine = ++asked.current;
    asking.current = true;
    awaited.current = asker;
    setWaiting(asker !== "nobody");
    const { result, error } = await call(method, params, "place");
    if (mine !== asked.current) return;
    asking.current = false;
    awaited.current = "nobody";
    setWaiting(false);
    const { pair, ahead = [], message = "" } = (result ?? {}) as Described;
    if (error) setTold({ text: error, failed: true });
    else if (pair !== undefined) show({ pair, ahead, message });
    // after a failure the moves that wait would start from another pair than they were meant from
    if (error || !mounted.current) line.current = [];
    goOn();
  }, []);

  const inTurn = (step: () => void) => {
    if (line.current.length < LONGEST_LINE) line.current.push(step);
    goOn();
  };

  const move = (by: number) => {
    const { pair, ahead } = now.current;
    const [following, ...rest] = ahead;
    if (!pair) return;
    if (by < 0 || !following) return void ask("go", { by, after_id: pair.after_id }, "user");
    show({ pair: { ...following, decided: pair.decided }, ahead: rest, message: "" });
    void ask("show", { opened: following.opened }, "nobody");
  };

  const go = (by: number) => inTurn(() => move(by));

  const store = async (pair: Pair, decision: Decision | null, region: Region | null) => {
    const what = `${pair.name}${region ? `, region ${pair.regions.findIndex(({ id }) => id === region.id) + 1}` : ""}: ${decision ?? "no decision"}`;
    const id = region?.id ?? null;
    const saving = `${what} · storing …`;
    setTold({ text: saving, failed: false });
    const about = `${pair.base} ${pair.after_id} ${id}`;
    setStoring((number) => number + 1);
    const answer = await call("decide", { after_id: pair.after_id, base: pair.base, region_id: id, decision }, about);
    setStoring((number) => number - 1);
    const error = answer.error || (answer.result as { error?: string } | undefined)?.error;
    setTold((latest) => (latest?.text !== saving ? latest : error ? null : { text: what, failed: false }));
    const text = `${what} is not stored. ${error}`;
    setLost((before) => [...before.filter((each) => each.about !== about), ...(error ? [{ about, text, opened: pair.opened }] : [])]);
    if (!error) return;
    if (!mounted.current) executeOperator("notify", { message: text, variant: "error" });
    inTurn(() => {
      if (now.current.pair?.after_id === pair.after_id) void ask("show", { opened: pair.opened }, "user");
    });
  };

  const decide = (decision: Decision | null, region: Region | null) => {
    const { pair } = now.current;
    if (!pair) return;
    show({ ...now.current, pair: decideOn(pair, region, decision) });
    void store(pair, decision, region);
    // an answer under way was written before this decision
    if (asking.current && awaited.current === "nobody") void ask("show", { opened: pair.opened }, "nobody");
  };

  const choose = (base: string) => inTurn(() => void ask("choose", { base, opened: now.current.pair?.opened ?? opened }, "user"));
  const open = (id: string) => inTurn(() => void ask("show", { opened: id }, "user"));
  const follow = (id: string) => void ask("show", { opened: id }, "modal");
  useModal(opened, shown.pair, waiting, now, awaited, follow);
  return { ...shown, waiting, storing, told, lost, decide, go, choose, open };
}

/** Whether the panel is still there to say something. */
function useMounted(): { current: boolean } {
  const mounted = useRef(true);
  useEffect(() => {
    mounted.current = true;
    return () => {
      mounted.current = false;
    };
  }, []);
  return mounted;
}

const PATIENCE_MS = 5000;
/** So long a pair that the panel left can come back from FiftyOne without the user having gone there. */
const ECHO_MS = 10_000;

/** Keep FiftyOne's modal at the pair that is shown, and follow where the user goes in the modal itself. */
function useModal(opened: string | null, pair: Pair | null, waiting: boolean, now: { current: Shown }, awaited: { current: Asker }, onOpened: (id: string) => void): void {
  /** When the panel asked FiftyOne for what, or FiftyOne showed it: its coming again may be a late echo. */
  const known = useRef(new Map<string, number>());
  /** What FiftyOne was asked to open and has not yet. One at a time: pairs that were passed meanwhile are skipped. */
  const leading = useRef<{ to: string; timer: number } | null>(null);
  const wentElsewhere = useUsersTurns();
  const at = useRef(opened);
  at.current = opened;

  const lead = () => {
    const { pair } = now.current;
    if (!pair || !at.current || leading.current || awaited.current !== "nobody" || pair.opened === at.current) return;
    known.current.set(pair.opened, performance.now());
    leading.current = { to: pair.opened, timer: window.setTimeout(again, PATIENCE_MS) };
    executeOperator("open_sample", { id: pair.after_id, group_id: pair.opened });
  };
  const stop = () => {
    window.clearTimeout(leading.current?.timer);
    leading.current = null;
  };
  const again = () => {
    stop();
    lead();
  };

  useEffect(() => {
    if (!opened) return;
    const told = known.current.get(opened) ?? -Infinity;
    known.current.set(opened, performance.now());
    const led = opened === leading.current?.to;
    if (led) stop();
    if (opened === now.current.pair?.opened) return;
    const echo = performance.now() - told < ECHO_MS && wentElsewhere.current < told;
    if (!led && !echo && awaited.current !== "user") onOpened(opened);
    else lead();
  }, [opened]);
  useEffect(lead, [pair?.opened, waiting]);
  useEffect(() => stop, []);
}

/** When the user last did what can turn FiftyOne's modal to another pair: a press beside the panel, or back in the browser. */
function useUsersTurns(): { current: number } {
  const last = useRef(-Infinity);
  useEffect(() => {
    const note = ({ type, target }: Event) => {
      const inPanel = type === "pointerdown" && target instanceof Element && !!target.closest('[data-cy="argus-review"]');
      if (!inPanel) last.current = performance.now();
    };
    const kinds = ["pointerdown", "popstate"];
    kinds.forEach((kind) => window.addEventListener(kind, note, true));
    return () => kinds.forEach((kind) => window.removeEventListener(kind, note, true));
  }, []);
  return last;
}
