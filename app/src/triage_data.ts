/** What the triage panel is told; the Python panel sends exactly this. */

import type { Decision } from "./pair";

export interface RunChoice {
  base: string;
  run: string;
  label: string;
  encoder: string;
  threshold: number;
}

/** How many pairs have a score in [bin, bin + 1) × BIN, by truth and review, at or below the applied threshold. */
export interface Count {
  bin: number;
  truth: "change" | "nochange" | "";
  review: Decision | "";
  /** Whether their scores reach the applied threshold, which may lie within a bin. */
  flagged: boolean;
  count: number;
}

export interface CurvePoint {
  threshold: number;
  precision: number;
  recall: number;
}

export interface Ranked {
  id: string;
  name: string;
  query: string;
  score: number;
  direction: string;
  review: Decision | "";
}

/** What an evaluation of the run rests on. */
export interface Evaluated {
  threshold: number;
  pairs: number;
  of: number;
  /** Another threshold, other pairs or other masks since: its outcomes no longer hold. */
  stale: boolean;
  /** What changed since, in a sentence. */
  why?: string | null;
}

export interface Triage {
  base: string;
  runs: RunChoice[];
  /** The applied one: regions and masks of the dataset are of it. */
  threshold: number;
  /** The one that the list below is of: the applied one, or one that is being tried. */
  listed_at: number;
  evaluated: Evaluated | null;
  bin_width: number;
  /** JSON, see `unpack`. */
  counts: string;
  failed: number;
  /** JSON of [threshold, precision, recall] each, by rising threshold; empty without ground truth. */
  curve: string;
  average_precision: number | null;
  ranking: string;
  rankings: { name: string; label: string }[];
  ranked: Ranked[];
  message: string;
}

export function unpack(packed: string): Count[] {
  const kinds = JSON.parse(packed) as [Count["truth"], Count["review"], boolean, number[]][];
  const counts: Count[] = [];
  for (const [truth, review, flagged, flat] of kinds) {
    for (let at = 0; at + 1 < flat.length; at += 2) counts.push({ bin: flat[at] ?? 0, truth, review, flagged, count: flat[at + 1] ?? 0 });
  }
  return counts;
}

export function unpackCurve(packed: string): CurvePoint[] {
  const points = JSON.parse(packed) as [number, number, number][];
  return points.map(([threshold, precision, recall]) => ({ threshold, precision, recall }));
}

export interface Tally {
  flagged: number;
  quiet: number;
  missed: number;
  false_alarms: number;
  /** Pairs known to be changed, flagged or not. */
  changed: number;
  open: number;
  confirmed: number;
  rejected: number;
  unsure: number;
}

/** The nearest threshold that can be tried: the edge of a bin, where counts are exact. */
export function triable(threshold: number, binWidth: number): number {
  const bins = Math.round(1 / binWidth);
  return Math.min(bins, Math.max(1, Math.round(threshold * bins))) / bins;
}

/** What a threshold means, from the counts alone: exact at the applied one and at the edges of bins. */
export function tally(counts: Count[], binWidth: number, threshold: number, applied: number): Tally {
  const first = Math.round(threshold / binWidth);
  const sum: Tally = { flagged: 0, quiet: 0, missed: 0, false_alarms: 0, changed: 0, open: 0, confirmed: 0, rejected: 0, unsure: 0 };
  for (const { bin, truth, review, flagged: flaggedNow, count } of counts) {
    const flagged = threshold === applied ? flaggedNow : bin >= first;
    sum[review || "open"] += count;
    sum[flagged ? "flagged" : "quiet"] += count;
    if (truth === "change") sum.changed += count;
    if (truth === "change" && !flagged) sum.missed += count;
    if (truth === "nochange" && flagged) sum.false_alarms += count;
  }
  return sum;
}

export type Split = "truth" | "review";

/** Bars of the histogram: per bar, the count of each class, from the bottom up. */
export function bars(counts: Count[], binWidth: number, split: Split, classes: string[], number: number): number[][] {
  const found = Array.from({ length: number }, () => classes.map(() => 0));
  for (const count of counts) {
    const bar = found[Math.min(number - 1, Math.floor((count.bin + 0.5) * binWidth * number))];
    const index = classes.indexOf(count[split]);
    if (bar && index >= 0) bar[index] = (bar[index] ?? 0) + count.count;
  }
  return found;
}
