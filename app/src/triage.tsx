/** The triage panel of the grid: choose, tune, see what to look at next. */

import { type Call, usePanelCalls } from "./calls";
import { executeOperator, OPERATORS, type PanelProps, React, useEffect, useMemo, useOpened, usePromptOperatorInput, useRef, useState } from "./fiftyone";
import { Curve, Histogram, ScoreAxis } from "./charts";
import { decisionInk, sheet, threshold as told, truthInk } from "./look";
import { Next } from "./next";
import { Evaluation, ThresholdField, Trial, TRIAL_HEIGHT } from "./threshold";
import { bars, type Count, type Split, tally, type Tally, type Triage, triable, unpack, unpackCurve } from "./triage_data";

const BARS = 40;

const CLASSES: Record<Split, { names: string[]; labels: string[]; colours: string[] }> = {
  truth: {
    names: ["change", "nochange", ""],
    labels: ["change", "no change", "truth unknown"],
    colours: [truthInk.change, truthInk.nochange, truthInk[""]].map(String),
  },
  review: {
    names: ["confirmed", "rejected", "unsure", ""],
    labels: ["confirmed", "rejected", "unsure", "not reviewed"],
    colours: [decisionInk.confirmed, "#d55e00", decisionInk.unsure, "#5a6270"].map(String),
  },
};

export function TriagePanel({ data, schema }: PanelProps<{ triage?: Triage }>) {
  const call = usePanelCalls(schema.view);
  const triage = data?.triage;
  const message = triage ? triage.message : "Counting …";
  const opened = useOpened();
  const before = useRef(opened);
  useEffect(() => {
    // pairs may have been decided on in the modal
    if (before.current && !opened) call("refresh");
    before.current = opened;
  }, [opened, call]);
  return (
    <div className="argus" data-cy="argus-triage" style={{ overflow: "auto", padding: 12 }}>
      <style>{sheet}</style>
      {triage && !triage.message ? <Desk triage={triage} call={call} /> : <Empty message={message} ready={!!triage} />}
    </div>
  );
}

function Empty({ message, ready }: { message: string; ready: boolean }) {
  const prompt = usePromptOperatorInput();
  return (
    <div style={{ maxWidth: 460 }} data-cy="argus-message">
      <p>{message}</p>
      {ready && (
        <button className="main" onClick={() => prompt(`${OPERATORS}compute_change_heatmaps`)}>
          Compute change heatmaps
        </button>
      )}
    </div>
  );
}

function Desk({ triage, call }: { triage: Triage; call: Call }) {
  const [threshold, setThreshold] = useTriedThreshold(triage, call);
  const [applying, setApplying] = useState(false);
  const counts = useMemo(() => unpack(triage.counts), [triage.counts]);
  const curve = useMemo(() => unpackCurve(triage.curve), [triage.curve]);
  const known = counts.some(({ truth }) => truth);
  const [split, setSplit] = useState<Split>(known ? "truth" : "review");
  const sums = tally(counts, triage.bin_width, threshold, triage.threshold);
  const inGrid = useRef<{ what: string; threshold: number } | null>(null);
  const show = (what: string, at = threshold) => {
    inGrid.current = { what, threshold: at };
    call("show", { what, threshold: at });
  };
  const back = () => {
    const { what, threshold: at } = inGrid.current ?? { what: "", threshold: triage.threshold };
    setThreshold(triage.threshold);
    // what was put into the grid at the threshold that was tried goes back with it
    if (at !== triage.threshold && AT_A_THRESHOLD.has(what)) show(what, triage.threshold);
  };
  const apply = () => {
    const params = { field: triage.base, threshold, view_target: "DATASET" };
    setApplying(true);
    const callback = ({ error }: { error?: unknown }) => {
      setApplying(false);
      call(error ? "refresh" : "apply");
    };
    executeOperator(`${OPERATORS}threshold_change_heatmaps`, params, { callback });
  };
  return (
    <div style={{ display: "grid", gap: 10 }}>
      <Head triage={triage} call={call} />
      {threshold === triage.threshold ? (
        <Tools triage={triage} call={call} />
      ) : (
        <Trial threshold={threshold} applied={triage.threshold} applying={applying} onApply={apply} onBack={back} />
      )}
      <Numbers sums={sums} known={known} stale={!!triage.evaluated?.stale} failed={triage.failed} show={show} />
      {triage.evaluated && <Evaluation evaluated={triage.evaluated} field={triage.base} onMeasured={() => call("refresh")} />}
      <Next triage={triage} threshold={threshold} call={call} show={show} />
      <div style={{ display: "grid", gap: 10, gridTemplateColumns: "repeat(auto-fit, minmax(min(300px, 100%), 1fr))" }}>
        <div className="argus-card">
          <Scores {...{ counts, binWidth: triage.bin_width, split, setSplit, threshold, setThreshold, known }} />
          <div className="row wrap" style={{ marginTop: 6 }}>
            <label className="row">
              Threshold
              <ThresholdField threshold={threshold} onThreshold={setThreshold} />
            </label>
            <button data-cy="argus-apply" className={threshold === triage.threshold ? "" : "main"} disabled={applying} onClick={apply}>
              {applying ? "Applying …" : "Apply"}
            </button>
            <span className="faint" data-cy="argus-applied" title={String(triage.threshold)}>
              applied: {told(triage.threshold)}
            </span>
          </div>
        </div>
        {curve.length > 0 && (
          <div className="argus-card">
            <h3>Precision and recall{triage.average_precision !== null && <span className="faint"> · AP {triage.average_precision.toFixed(2)}</span>}</h3>
            <Curve points={curve} threshold={threshold} sums={sums} />
          </div>
        )}
      </div>
    </div>
  );
}

const REST_MS = 250;

/** Groups of pairs that are others at another threshold. */
const AT_A_THRESHOLD = new Set(["flagged", "quiet", "missed", "false_alarms", "ranked"]);

/**
 * The threshold that the whole panel shows, and how to try another one: counts, histogram and curve
 * follow at once, the list as soon as the slider rests. Another run or an applied threshold ends the trial.
 */
function useTriedThreshold(triage: Triage, call: Call): [number, (threshold: number) => void] {
  const { base, threshold: applied, listed_at: listed, bin_width: step } = triage;
  const [tried, setTried] = useState({ of: `${base} ${applied}`, threshold: listed });
  const current = tried.of === `${base} ${applied}` ? tried.threshold : listed;
  const choose = (threshold: number) => setTried({ of: `${base} ${applied}`, threshold: threshold === applied ? applied : triable(threshold, step) });
  useEffect(() => {
    if (current === listed) return undefined;
    const timer = window.setTimeout(() => call("look", { threshold: current }, "list"), REST_MS);
    return () => window.clearTimeout(timer);
  }, [current, listed, base, call]);
  return [current, choose];
}

function Head({ triage, call }: { triage: Triage; call: Call }) {
  return (
    <div className="row" style={{ gap: 6 }}>
      <select data-cy="argus-run" aria-label="Run and query" className="grow" value={triage.base} onChange={(event) => call("choose", { base: event.target.value })}>
        {triage.runs.map(({ base, label }) => (
          <option key={base} value={base}>
            {label}
          </option>
        ))}
      </select>
      <button title="Count again" aria-label="Count again" onClick={() => call("refresh")}>
        ↻
      </button>
    </div>
  );
}

function Tools({ triage, call }: { triage: Triage; call: Call }) {
  const prompt = usePromptOperatorInput();
  const field = triage.base;
  const tools = [
    { label: "New run", operator: "compute_change_heatmaps", params: {} },
    { label: "Evaluate", operator: "evaluate_change_heatmaps", params: { field } },
    { label: "Compare", operator: "compare_change_runs", params: {} },
    { label: "Calibrate", operator: "calibrate_from_reviews", params: { field } },
    { label: "Report", operator: "export_report", params: { field } },
  ];
  const refresh = () => call("refresh");
  return (
    <div className="row wrap" style={{ gap: 6, minHeight: TRIAL_HEIGHT }}>
      {tools.map(({ label, operator, params }) => (
        <button key={operator} data-cy={`argus-tool-${operator}`} onClick={() => prompt(OPERATORS + operator, params, { callback: refresh })}>
          {label}
        </button>
      ))}
    </div>
  );
}

function Numbers({ sums, known, stale, failed, show }: { sums: Tally; known: boolean; stale: boolean; failed: number; show(what: string): void }) {
  const cards: Card[] = [
    { view: "flagged", label: "flagged", count: sums.flagged },
    { view: "quiet", label: "quiet", count: sums.quiet },
    ...(known
      ? [
          { view: "missed", label: "missed", count: sums.missed, stale },
          { view: "false_alarms", label: "false alarms", count: sums.false_alarms, stale },
        ]
      : []),
    ...(failed ? [{ view: "failed", label: "failed", count: failed }] : []),
  ];
  const reviews = [
    { view: "open", label: "to review", count: sums.open },
    { view: "confirmed", label: "confirmed", count: sums.confirmed },
    { view: "rejected", label: "rejected", count: sums.rejected },
    { view: "unsure", label: "unsure", count: sums.unsure },
  ];
  return (
    <div style={{ display: "grid", gap: 8 }}>
      <Cards cards={cards} show={show} />
      <Cards cards={reviews} show={show} />
    </div>
  );
}

interface Card {
  view: string;
  label: string;
  count: number;
  /** Measured at another threshold or on other pairs. */
  stale?: boolean;
}

/** Counts that are buttons: each shows its pairs in the grid. */
function Cards({ cards, show }: { cards: Card[]; show(view: string): void }) {
  return (
    <div style={{ display: "grid", gap: 8, gridTemplateColumns: "repeat(auto-fit, minmax(84px, 1fr))" }}>
      {cards.map(({ view, label, count, stale }) => (
        <button key={view} data-cy={`argus-show-${view}`} title="Show these in the grid" onClick={() => show(view)} style={{ textAlign: "left", padding: "4px 10px", opacity: stale ? 0.45 : 1 }}>
          <div className="argus-number" data-cy={`argus-count-${view}`} style={{ color: decisionInk[view] }}>
            {count.toLocaleString("en")}
          </div>
          <div className="faint">{label}</div>
        </button>
      ))}
    </div>
  );
}

interface ScoresProps {
  counts: Count[];
  binWidth: number;
  split: Split;
  setSplit(split: Split): void;
  threshold: number;
  setThreshold(threshold: number): void;
  known: boolean;
}

function Scores({ counts, binWidth, split, setSplit, threshold, setThreshold, known }: ScoresProps) {
  const classes = CLASSES[split];
  const heights = bars(counts, binWidth, split, classes.names, BARS);
  const used = classes.names.map((_, index) => heights.some((bar) => bar[index]));
  return (
    <>
      <div className="row" style={{ justifyContent: "space-between", marginBottom: 4 }}>
        <h3 style={{ margin: 0 }}>Scores</h3>
        <span className="row" style={{ gap: 4 }}>
          {known && (
            <button aria-pressed={split === "truth"} style={{ padding: "1px 8px" }} onClick={() => setSplit("truth")}>
              by truth
            </button>
          )}
          <button aria-pressed={split === "review"} style={{ padding: "1px 8px" }} onClick={() => setSplit("review")}>
            by review
          </button>
        </span>
      </div>
      <Histogram bars={heights} colours={classes.colours} threshold={threshold} onThreshold={setThreshold} />
      <ScoreAxis />
      <div className="row wrap faint" style={{ fontSize: 12, marginTop: 4, rowGap: 0 }}>
        {classes.labels.map((label, index) => used[index] && (
          <span key={label} className="row" style={{ gap: 4 }}>
            <span style={{ width: 10, height: 10, borderRadius: 2, background: classes.colours[index] }} />
            {label}
          </span>
        ))}
        <span>heights ∝ √count</span>
      </div>
    </>
  );
}
