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
  /** An answer is awaited that decides which pair comes: nothing may be decided meanwhile. */
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
  const mounted = useMounted();

  const show = useCallback((next: Shown) => {
    now.current = next;
    setShown(next);
    next.ahead.forEach(prepare);
  }, []);

  const ask = useCallback(async (method: string, params: object, wait: boolean) => {
    const mine = ++asked.current;
    asking.current = true;
    setWaiting(wait);
    const { result, error } = await call(method, params, "place");
    if (mine !== asked.current) return;
    asking.current = false;
    setWaiting(false);
    const { pair, ahead = [], message = "" } = (result ?? {}) as Described;
    if (error) setTold({ text: error, failed: true });
    else if (pair !== undefined) show({ pair, ahead, message });
  }, []);

  const go = (by: number) => {
    const { pair, ahead } = now.current;
    const [following, ...rest] = ahead;
    if (!pair) return;
    if (by < 0 || !following) return void ask("go", { by, after_id: pair.after_id }, true);
    show({ pair: { ...following, decided: pair.decided }, ahead: rest, message: "" });
    void ask("show", { opened: following.opened }, false);
  };

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
    if (now.current.pair?.after_id === pair.after_id) void ask("show", { opened: pair.opened }, true);
  };

  const decide = (decision: Decision | null, region: Region | null) => {
    const { pair } = now.current;
    if (!pair) return;
    show({ ...now.current, pair: decideOn(pair, region, decision) });
    void store(pair, decision, region);
    // an answer under way was written before this decision
    if (asking.current) void ask("show", { opened: pair.opened }, false);
  };

  const choose = (base: string) => void ask("choose", { base, opened: now.current.pair?.opened ?? opened }, true);
  const open = (id: string) => void ask("show", { opened: id }, true);
  useModal(opened, shown.pair, now, open);
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

/** Keep FiftyOne's modal at the pair that is shown, and follow where the user goes in the modal itself. */
function useModal(opened: string | null, pair: Pair | null, now: { current: Shown }, onOpened: (id: string) => void): void {
  /** What FiftyOne was asked to open and has not yet: its coming is not the user's doing, however late. */
  const coming = useRef(new Set<string>());
  /** One at a time: pairs that were passed meanwhile are skipped. */
  const busy = useRef(false);
  const at = useRef(opened);
  at.current = opened;
  const follow = () => {
    const { pair } = now.current;
    if (!pair || busy.current || pair.opened === at.current) return;
    coming.current.add(pair.opened);
    busy.current = true;
    executeOperator("open_sample", { id: pair.after_id, group_id: pair.opened });
    window.setTimeout(() => (busy.current = false), PATIENCE_MS);
  };
  useEffect(() => {
    if (!opened) return;
    if (coming.current.delete(opened)) {
      busy.current = false;
      follow();
    } else if (opened !== now.current.pair?.opened) onOpened(opened);
  }, [opened]);
  useEffect(follow, [pair?.opened]);
}
