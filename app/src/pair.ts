/** What the review panel is told about one pair; the Python panel sends exactly this. */

import type { Warp } from "./warp";

export type Decision = "confirmed" | "rejected" | "unsure";

export interface Picture {
  path: string;
  width: number;
  height: number;
}

export interface Region {
  id: string;
  /** left, top, width, height as fractions of the after picture */
  box: [number, number, number, number];
  query: string;
  direction: string;
  score: number;
  decision: Decision | null;
}

export interface Pair {
  name: string;
  after_id: string;
  before: Picture;
  after: Picture;
  warp: Warp | null;
  /** 8-bit evidence, and the signed map (16-bit: the middle is 0) where there is one. */
  heatmap: string | null;
  signed: string | null;
  threshold: number;
  base: string;
  runs: { base: string; label: string }[];
  query: string;
  score: number | null;
  direction: string;
  alignment: string;
  note: string;
  review: Decision | null;
  regions: Region[];
  place: number;
  total: number;
  decided: number;
}

export const DECISIONS: { decision: Decision; label: string; key: string }[] = [
  { decision: "confirmed", label: "Confirm", key: "y" },
  { decision: "rejected", label: "Reject", key: "n" },
  { decision: "unsure", label: "Unsure", key: "u" },
];

/** What is decided on a pair once a region is; dataset/reviews.py stores by the same rule. */
export function pairDecision(review: Decision | null, regions: (Decision | null)[]): Decision | null {
  if (regions.includes("confirmed")) return "confirmed";
  return !review && regions.length > 0 && regions.every((each) => each === "rejected") ? "rejected" : review;
}

export type Mode = "side" | "swipe" | "overlay" | "blink";

export const MODES: { mode: Mode; label: string; key: string }[] = [
  { mode: "side", label: "Side by side", key: "1" },
  { mode: "swipe", label: "Swipe", key: "2" },
  { mode: "overlay", label: "Overlay", key: "3" },
  { mode: "blink", label: "Blink", key: "4" },
];
