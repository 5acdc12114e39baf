/** The review panel of the modal: look, decide, go on. */

import { type Call, type PanelProps, React, useCallback, useEffect, useOpened, usePanelCalls, useState, useWideModal } from "./fiftyone";
import { useKeys } from "./keys";
import { ink, sheet } from "./look";
import { type Decision, DECISIONS, MODES, type Pair, pairDecision, type Region } from "./pair";
import { Side } from "./side";
import { type Looks, Stage } from "./stage";

const FIRST_LOOK: Looks = { mode: "side", share: 0.5, heatmap: true, boxes: true, zoom: false, goOn: true, held: null };

/** How the last pair was looked at, so that the next one is looked at the same way. */
const remembered = { looks: FIRST_LOOK };

interface ReviewData {
  /** What was asked for: a group's or sample's id. */
  opened?: string;
  pair?: Pair;
  message?: string;
}

export function ReviewPanel({ data, schema }: PanelProps<ReviewData>) {
  const call = usePanelCalls(schema.view);
  const opened = useOpened();
  const shown = data?.opened;
  useWideModal();
  useEffect(() => {
    if (opened && opened !== shown) call("show", { opened });
  }, [opened, shown, call]);
  useEffect(() => {
    // the panel was hidden and comes back: what it last showed may have changed
    if (opened && opened === shown) call("show", { opened });
  }, []);
  if (!data?.pair) {
    return (
      <div className="argus" style={{ padding: 24 }}>
        <style>{sheet}</style>
        <p data-cy="argus-message">{data?.message || "Loading the pair …"}</p>
      </div>
    );
  }
  return <Review pair={data.pair} opened={opened} call={call} />;
}

function Review({ pair, opened, call }: { pair: Pair; opened: string | null; call: Call }) {
  const [looks, change] = useLooks();
  const { shown, decide } = useDecisions(pair, call);
  const [target, setTarget] = useState(0);
  useEffect(() => setTarget(0), [pair.after_id, pair.base]);
  const selected = target > 0 ? (shown.regions[target - 1] ?? null) : null;

  const settle = (decision: Decision | null) => {
    decide(decision, selected, looks.goOn && !selected && !!decision);
    if (selected && decision && target < shown.regions.length) setTarget(target + 1);
  };
  const step = (by: number) => setTarget((target + by + shown.regions.length + 1) % (shown.regions.length + 1));
  const go = (by: number) => call("go", { by, after_id: pair.after_id });
  const flip = () => change({ mode: "blink", held: looks.held === "before" ? "after" : "before" });

  useKeys({
    ...Object.fromEntries(DECISIONS.map(({ decision, key }) => [key, () => settle(decision)])),
    ...Object.fromEntries(MODES.map(({ mode, key }) => [key, () => change({ mode, held: null })])),
    Backspace: () => settle(null),
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    ArrowRight: () => go(1),
    ArrowLeft: () => go(-1),
    h: () => change({ heatmap: !looks.heatmap }),
    b: () => change({ boxes: !looks.boxes }),
    z: () => change({ zoom: !looks.zoom }),
    g: () => change({ goOn: !looks.goOn }),
    " ": flip,
  });

  const pick = (region: Region) => setTarget(shown.regions.findIndex(({ id }) => id === region.id) + 1);
  return (
    <div className="argus" data-cy="argus-review" style={{ display: "flex", flexDirection: "column" }}>
      <style>{sheet}</style>
      <Toolbar looks={looks} change={change} />
      <div style={{ display: "flex", flex: "1 1 0", minHeight: 0 }}>
        <div style={{ position: "relative", flex: "1 1 0", minWidth: 0, margin: 8 }}>
          <Stage pair={shown} looks={looks} selected={selected} onSelect={pick} onShare={(share) => change({ share })} />
        </div>
        <Side pair={shown} target={target} onTarget={setTarget} onDecide={settle} onGo={go} onRun={(base) => call("choose", { base, opened })} goOn={looks.goOn} onGoOn={(goOn) => change({ goOn })} />
      </div>
    </div>
  );
}

function Toolbar({ looks, change }: { looks: Looks; change(part: Partial<Looks>): void }) {
  const share = looks.mode === "swipe" ? "Divider" : looks.mode === "overlay" ? "Opacity" : "";
  const toggles = [
    { name: "heatmap", label: "Heatmap", key: "H" },
    { name: "boxes", label: "Boxes", key: "B" },
    { name: "zoom", label: "Zoom", key: "Z" },
  ] as const;
  return (
    <div className="row wrap" style={{ padding: "6px 8px", borderBottom: `1px solid ${ink.line}`, rowGap: 6 }}>
      {MODES.map(({ mode, label, key }) => (
        <button key={mode} data-cy={`argus-mode-${mode}`} aria-pressed={looks.mode === mode} onClick={() => change({ mode, held: null })}>
          {label}
          <kbd>{key}</kbd>
        </button>
      ))}
      <span style={{ width: 8 }} />
      {toggles.map(({ name, label, key }) => (
        <button key={name} aria-pressed={looks[name]} onClick={() => change({ [name]: !looks[name] })}>
          {label}
          <kbd>{key}</kbd>
        </button>
      ))}
      {share && (
        <label className="row" style={{ marginLeft: 8 }}>
          <span className="faint">{share}</span>
          <input data-cy="argus-share" type="range" min={0} max={1} step={0.01} value={looks.share} onChange={(event) => change({ share: Number(event.target.value) })} />
        </label>
      )}
    </div>
  );
}

function useLooks(): [Looks, (part: Partial<Looks>) => void] {
  const [looks, setLooks] = useState(remembered.looks);
  const change = useCallback((part: Partial<Looks>) => {
    setLooks((now) => (remembered.looks = { ...now, ...part }));
  }, []);
  return [looks, change];
}

/**
 * Decisions show at once and are written behind. They are laid over what Python sent
 * until it sends something new; the App hands over equal but fresh objects all the time.
 */
function useDecisions(pair: Pair, call: Call) {
  const sent = JSON.stringify(pair);
  const [made, setMade] = useState<{ over: string; decisions: Decisions }>({ over: sent, decisions: {} });
  const decisions = made.over === sent ? made.decisions : {};
  const decide = (decision: Decision | null, region: Region | null, goOn: boolean) => {
    setMade((now) => {
      const earlier = now.over === sent ? now.decisions : {};
      return { over: sent, decisions: { ...earlier, ...consequences(withDecisions(pair, earlier), region, decision) } };
    });
    const by = goOn ? 1 : 0;
    call("decide", { after_id: pair.after_id, base: pair.base, region_id: region?.id ?? null, decision, by });
  };
  return { shown: withDecisions(pair, decisions), decide };
}

type Decisions = Record<string, Decision | null>;

const PAIR = "pair";

/** The decision itself, and what it means for the whole pair where it was made on a region. */
function consequences(shown: Pair, region: Region | null, decision: Decision | null): Decisions {
  if (!region) return { [PAIR]: decision };
  const regions = shown.regions.map((each) => (each.id === region.id ? decision : each.decision));
  const follows = decision === "confirmed" || decision === "rejected";
  return { [region.id]: decision, ...(follows ? { [PAIR]: pairDecision(shown.review, regions) } : {}) };
}

function withDecisions(pair: Pair, decisions: Decisions): Pair {
  const now = (id: string, before: Decision | null) => decisions[id] ?? (id in decisions ? null : before);
  const review = now(PAIR, pair.review);
  const regions = pair.regions.map((region) => ({ ...region, decision: now(region.id, region.decision) }));
  return { ...pair, review, regions, decided: pair.decided + Number(!!review) - Number(!!pair.review) };
}
