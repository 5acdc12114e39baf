/** The column beside the pictures: what is claimed, what was decided, what comes next. */

import { React, useEffect, useRef } from "./fiftyone";
import { decisionInk, directionInk, directionSign, ink, threshold } from "./look";
import { type Decision, DECISIONS, type Pair, type Region } from "./pair";
import type { Lost, Told } from "./walk";

interface SideProps {
  pair: Pair;
  /** 0 is the whole pair, 1 … the regions in order. */
  target: number;
  /** Whether the pair is on the screen, so that it can be decided on. */
  ready: boolean;
  /** Whether another pair is about to come. */
  moving: boolean;
  told: Told | null;
  lost: Lost[];
  onOpen(id: string): void;
  onTarget(target: number): void;
  onDecide(decision: Decision | null): void;
  onGo(by: number): void;
  onRun(base: string): void;
  goOn: boolean;
  onGoOn(goOn: boolean): void;
}

export function Side(props: SideProps) {
  const { pair, target, onTarget } = props;
  return (
    <div style={{ width: 292, flex: "none", display: "flex", flexDirection: "column", gap: 8, padding: 8, borderLeft: `1px solid ${ink.line}`, minHeight: 0 }}>
      <Claim {...props} />
      <ul className="argus-list" role="listbox" aria-label="What to decide on" style={{ flex: "1 1 0", minHeight: 60 }}>
        <Row chosen={target === 0} onClick={() => onTarget(0)} decision={pair.review} cy="argus-pair-row">
          <strong style={{ whiteSpace: "nowrap" }}>Whole pair</strong>
          {pair.review && !pair.own && (
            <span className="faint cut" title="Follows the decisions on its regions, back as well">
              by regions
            </span>
          )}
        </Row>
        {pair.regions.map((region, index) => (
          <Row key={region.id} chosen={target === index + 1} onClick={() => onTarget(index + 1)} decision={region.decision} cy="argus-region-row">
            <RegionText region={region} number={index + 1} asked={pair.query} />
          </Row>
        ))}
      </ul>
      <Buttons {...props} />
    </div>
  );
}

function Claim({ pair, onRun }: SideProps) {
  return (
    <div style={{ display: "grid", gap: 4 }}>
      <div className="row">
        <strong className="cut grow" data-cy="argus-pair-name" title={pair.name}>
          {pair.name}
        </strong>
        <span className="faint" data-cy="argus-place">
          {pair.place || "…"} of {pair.total}
        </span>
      </div>
      {pair.runs.length > 1 && (
        <select aria-label="Run and query" value={pair.base} onChange={(event) => onRun(event.target.value)}>
          {pair.runs.map(({ base, label }) => (
            <option key={base} value={base}>
              {label}
            </option>
          ))}
        </select>
      )}
      <div className="row">
        <Direction direction={pair.direction} />
        <span className="cut grow" title={pair.query}>
          {pair.query || "any change"}
        </span>
        <strong data-cy="argus-score">{pair.score === null ? "–" : pair.score.toFixed(2)}</strong>
      </div>
      <div className="faint" style={{ fontSize: 12 }}>
        <div data-cy="argus-order">Order: {pair.order}</div>
        <div>Regions at the applied threshold, {threshold(pair.threshold)}</div>
        {pair.alignment && <div>Alignment: {pair.alignment}</div>}
      </div>
      {pair.note && <div style={{ fontSize: 12 }}>{pair.note}</div>}
    </div>
  );
}

function RegionText({ region, number, asked }: { region: Region; number: number; asked: string }) {
  const query = region.query === asked ? "" : region.query || "any change";
  return (
    <>
      <span className="faint" style={{ width: 16, textAlign: "right" }}>
        {number}
      </span>
      <Direction direction={region.direction} />
      <span className="cut grow" title={`${region.direction}: ${region.query || "any change"}`}>
        {region.direction} <span className="faint">{query}</span>
      </span>
      <span title="mean evidence within the region">{region.score.toFixed(2)}</span>
    </>
  );
}

interface RowProps {
  chosen: boolean;
  onClick(): void;
  decision: Decision | null;
  cy: string;
  children: React.ReactNode;
}

function Row({ chosen, onClick, decision, cy, children }: RowProps) {
  const ref = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (chosen) ref.current?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  return (
    <li ref={ref} role="option" aria-selected={chosen} onClick={onClick} data-cy={cy} data-decision={decision ?? ""}>
      <span className="row grow">{children}</span>
      {decision && (
        <span className="chip" style={{ color: decisionInk[decision] }}>
          {decision}
        </span>
      )}
    </li>
  );
}

function Direction({ direction }: { direction: string }) {
  return (
    <span title={direction} style={{ color: directionInk[direction] ?? directionInk.none, fontWeight: 700, width: 14, textAlign: "center", flex: "none" }}>
      {directionSign[direction] ?? "·"}
    </span>
  );
}

function Buttons({ pair, target, ready, moving, told, lost, onOpen, onDecide, onGo, goOn, onGoOn }: SideProps) {
  const stretch = { flex: "1 1 0", padding: "6px 4px" };
  return (
    <div style={{ display: "grid", gap: 6 }}>
      <div className="faint" style={{ fontSize: 12 }}>
        {target === 0 ? "Is this a real change?" : `Is region ${target} a real change?`} <span style={{ float: "right" }}>{pair.decided} of {pair.total} decided</span>
      </div>
      {lost.map(({ about, text, opened }) => (
        <button key={about} role="alert" data-cy="argus-lost" title="Open this pair" style={{ whiteSpace: "normal", textAlign: "left", fontSize: 12, color: ink.alarm, borderColor: ink.alarm, overflowWrap: "anywhere" }} onClick={() => onOpen(opened)}>
          {text}
        </button>
      ))}
      <Message told={told} ready={ready} />
      <div className="row">
        {DECISIONS.map(({ decision, label, key }) => (
          <button key={decision} data-cy={`argus-${decision}`} style={stretch} disabled={!ready} onClick={() => onDecide(decision)}>
            {label}
            <kbd>{key.toUpperCase()}</kbd>
          </button>
        ))}
      </div>
      <label className="row faint" style={{ fontSize: 12, gap: 6 }}>
        <input data-cy="argus-go-on" type="checkbox" checked={goOn} onChange={(event) => onGoOn(event.target.checked)} />
        <span>
          open the next pair after deciding<kbd>G</kbd>
        </span>
      </label>
      <div className="row">
        <button data-cy="argus-previous" style={stretch} disabled={moving || pair.place === 1} onClick={() => onGo(-1)}>
          Previous<kbd>←</kbd>
        </button>
        <button data-cy="argus-next" style={stretch} className="main" disabled={moving || (pair.place >= pair.total && pair.place > 0)} onClick={() => onGo(1)}>
          Next<kbd style={{ color: "#111", borderColor: "#111" }}>→</kbd>
        </button>
      </div>
      <div className="faint" style={{ fontSize: 12 }}>
        <kbd style={{ margin: 0 }}>↑</kbd> <kbd style={{ margin: 0 }}>↓</kbd> pick pair or region ·{" "}
        <kbd style={{ margin: 0 }}>Space</kbd> flip before/after · <kbd style={{ margin: 0 }}>⌫</kbd> undo decision
      </div>
    </div>
  );
}

/** What became of the latest decision, or what the panel waits for; a line that keeps its place. */
function Message({ told, ready }: { told: Told | null; ready: boolean }) {
  const text = told?.failed || ready ? told?.text : "Loading the pair …";
  return (
    <div data-cy="argus-told" role={told?.failed ? "alert" : "status"} style={{ fontSize: 12, minHeight: 18, color: told?.failed ? ink.alarm : ink.faint, overflowWrap: "anywhere" }}>
      {text}
    </div>
  );
}
