/** The triage panel's threshold: its field, the line that says it is not applied, and what was evaluated at which. */

import { OPERATORS, React, useEffect, usePromptOperatorInput, useState } from "./fiftyone";
import { ink, threshold as told } from "./look";
import type { Evaluated } from "./triage_data";

interface TrialProps {
  threshold: number;
  applied: number;
  applying: boolean;
  onApply(): void;
  onBack(): void;
}

/** The height of what it takes the place of, so that the slider stays under the pointer. */
export const TRIAL_HEIGHT = 52;

/** The panel shows a threshold that the dataset does not stand at; what works on the applied one gives way. */
export function Trial({ threshold, applied, applying, onApply, onBack }: TrialProps) {
  return (
    <div className="argus-card row wrap" role="status" data-cy="argus-trial" style={{ borderColor: ink.accent, minHeight: TRIAL_HEIGHT, padding: "4px 10px", gap: 6 }}>
      <span className="grow" style={{ flexBasis: 230, fontSize: 12, lineHeight: 1.3 }}>
        <strong>Not applied: {told(threshold)}.</strong> Numbers and list are of it; the regions in grid and review are of the applied threshold, {told(applied)}.
      </span>
      <button data-cy="argus-trial-back" onClick={onBack}>
        Back to {told(applied)}
      </button>
      <button data-cy="argus-trial-apply" className="main" disabled={applying} onClick={onApply}>
        {applying ? "Applying …" : `Apply ${told(threshold)}`}
      </button>
    </div>
  );
}

/** A number to type; what is no threshold is not taken, and gives way to the last one that was. */
export function ThresholdField({ threshold, onThreshold }: { threshold: number; onThreshold(threshold: number): void }) {
  const [text, setText] = useState<string | null>(null);
  useEffect(() => setText((typed) => (Number(typed) === threshold ? typed : null)), [threshold]);
  const type = (typed: string) => {
    setText(typed);
    const value = Number(typed);
    if (value > 0 && value <= 1) onThreshold(value);
  };
  return (
    <input data-cy="argus-threshold" type="number" min={0.01} max={1} step={0.01} value={text ?? told(threshold)} onChange={(event) => type(event.target.value)} onBlur={() => setText(null)} style={{ width: 78, font: "inherit", color: ink.text, background: ink.page, border: `1px solid ${ink.line}`, borderRadius: 4, padding: "3px 6px" }} />
  );
}

/** What the run's evaluation rests on; greyed once that no longer holds. */
export function Evaluation({ evaluated, field, onMeasured }: { evaluated: Evaluated; field: string; onMeasured(): void }) {
  const prompt = usePromptOperatorInput();
  const { threshold, pairs, of, stale, why } = evaluated;
  return (
    <div className="row faint" data-cy="argus-evaluated" data-stale={stale} title={why || ""} style={{ fontSize: 12 }}>
      <span style={{ opacity: stale ? 0.6 : 1 }}>
        evaluated at {told(threshold)} over {pairs} of {of} pairs{stale && ", which no longer holds"}
      </span>
      {stale && (
        <button data-cy="argus-measure-again" style={{ padding: "1px 8px" }} onClick={() => prompt(`${OPERATORS}evaluate_change_heatmaps`, { field }, { callback: onMeasured })}>
          measure again
        </button>
      )}
    </div>
  );
}
