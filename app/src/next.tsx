/** What to look at next: the first pairs of an order, and the way into the review. */

import type { Call } from "./calls";
import { React, turnToReview } from "./fiftyone";
import { decisionInk, directionInk, directionSign } from "./look";
import type { Ranked, Triage } from "./triage_data";

/** The list is of the threshold that the panel shows; while that moves, it is greyed and opens nothing. */
export function Next({ triage, threshold, call, show }: { triage: Triage; threshold: number; call: Call; show(what: string): void }) {
  const current = triage.listed_at === threshold;
  const first = current ? triage.ranked[0] : undefined;
  const open = (id: string) => {
    if (!current) return;
    call("open", { id, threshold });
    turnToReview();
  };
  return (
    <div className="argus-card">
      <div className="row wrap" style={{ marginBottom: 4 }}>
        <h3 style={{ margin: 0, flex: "1 0 auto" }}>
          Look at next
        </h3>
        <select data-cy="argus-ranking" aria-label="Order" style={{ flex: "0 1 230px" }} value={triage.ranking} onChange={(event) => call("rank", { ranking: event.target.value, threshold })}>
          {triage.rankings.map(({ name, label }) => (
            <option key={name} value={name}>
              {label}
            </option>
          ))}
        </select>
        <button data-cy="argus-order-grid" title="Show the pairs of this list, in its order, in the grid" onClick={() => show("ranked")}>
          Show in grid
        </button>
        <button data-cy="argus-start" className="main" disabled={!first} title="Open the first pair of this list" onClick={() => first && open(first.id)}>
          Review
        </button>
      </div>
      <ul className="argus-list" data-cy="argus-ranked" aria-busy={!current} style={{ opacity: current ? 1 : 0.45, maxHeight: "max(168px, 100vh - 640px)" }}>
        {triage.ranked.map((each) => (
          <RankedRow key={each.id} ranked={each} onOpen={() => open(each.id)} />
        ))}
      </ul>
      {triage.ranked.length === 0 && <p className="faint">Nothing left in this order.</p>}
    </div>
  );
}

function RankedRow({ ranked, onOpen }: { ranked: Ranked; onOpen(): void }) {
  return (
    <li data-cy="argus-ranked-row" title="Open this pair" onClick={onOpen}>
      <span style={{ color: directionInk[ranked.direction] ?? directionInk.none, fontWeight: 700, width: 14, textAlign: "center" }}>
        {directionSign[ranked.direction] ?? "·"}
      </span>
      <span className="cut grow">{ranked.name}</span>
      <span className="cut faint grow">{ranked.query || "any change"}</span>
      {ranked.review && (
        <span className="chip" style={{ color: decisionInk[ranked.review] }}>
          {ranked.review}
        </span>
      )}
      <span style={{ fontVariantNumeric: "tabular-nums" }}>{ranked.score.toFixed(2)}</span>
    </li>
  );
}
