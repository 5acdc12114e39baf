/** The review panel of the modal: look, decide, go on. */

import { usePanelCalls } from "./calls";
import { type PanelProps, React, useCallback, useOpened, useState, useWideModal } from "./fiftyone";
import { useKeys } from "./keys";
import { ink, sheet } from "./look";
import { type Decision, DECISIONS, MODES, type Pair, type Region } from "./pair";
import { useOnScreen } from "./pictures";
import { Side } from "./side";
import { type Looks, Stage } from "./stage";
import { useWalk, type Walk } from "./walk";

const FIRST_LOOK: Looks = { mode: "side", share: 0.5, heatmap: true, boxes: true, zoom: false, goOn: true, held: null };

/** How the last pair was looked at, so that the next one is looked at the same way. */
const remembered = { looks: FIRST_LOOK };

export function ReviewPanel({ schema }: PanelProps<unknown>) {
  const opened = useOpened();
  const walk = useWalk(usePanelCalls(schema.view, true), opened);
  useWideModal();
  if (!walk.pair) {
    return (
      <div className="argus" style={{ padding: 24 }}>
        <style>{sheet}</style>
        <p data-cy="argus-message">{walk.message || walk.told?.text || "Loading the pair …"}</p>
      </div>
    );
  }
  return <Review pair={walk.pair} walk={walk} />;
}

function Review({ pair, walk }: { pair: Pair; walk: Walk }) {
  const [looks, change] = useLooks();
  const [target, setTarget] = useTarget(`${pair.base} ${pair.after_id}`);
  const [refused, setRefused] = useState("");
  const onScreen = useOnScreen(pair);
  const ready = onScreen && !walk.waiting;
  const selected = target > 0 ? (pair.regions[target - 1] ?? null) : null;

  const settle = (decision: Decision | null) => {
    setRefused(ready ? "" : "Nothing stored: the pair was not on the screen yet. Press again.");
    if (!ready) return;
    walk.decide(decision, selected);
    if (!selected && decision && looks.goOn) walk.go(1);
    if (selected && decision && target < pair.regions.length) setTarget(target + 1);
  };
  const go = (by: number) => {
    setRefused("");
    walk.go(by);
  };
  const step = (by: number) => setTarget((target + by + pair.regions.length + 1) % (pair.regions.length + 1));
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

  const pick = (region: Region) => setTarget(pair.regions.findIndex(({ id }) => id === region.id) + 1);
  const told = refused ? { text: refused, failed: true } : walk.told;
  return (
    <div className="argus" data-cy="argus-review" data-ready={ready} data-storing={walk.storing} style={{ display: "flex", flexDirection: "column" }}>
      <style>{sheet}</style>
      <Toolbar looks={looks} change={change} />
      <div style={{ display: "flex", flex: "1 1 0", minHeight: 0 }}>
        <div style={{ position: "relative", flex: "1 1 0", minWidth: 0, margin: 8 }}>
          <Stage pair={pair} looks={looks} selected={selected} onSelect={pick} onShare={(share) => change({ share })} />
        </div>
        <Side {...{ pair, target, told, ready }} moving={walk.waiting} lost={walk.lost} onOpen={walk.open} onTarget={setTarget} onDecide={settle} onGo={go} onRun={walk.choose} goOn={looks.goOn} onGoOn={(goOn) => change({ goOn })} />
      </div>
    </div>
  );
}

/** Whole pair (0) or a region (1 …) of what is shown: another pair starts at 0 in the same drawing. */
function useTarget(of: string): [number, (at: number) => void] {
  const [target, setTarget] = useState({ of, at: 0 });
  return [target.of === of ? target.at : 0, (at: number) => setTarget({ of, at })];
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
