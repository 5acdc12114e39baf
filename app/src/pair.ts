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
  /** What holds for the pair: decided on itself, or following from its regions. */
  review: Decision | null;
  /** What a person decided on the pair itself. */
  own: Decision | null;
  regions: Region[];
  /** What the modal calls it: its group's id, or a sample's. */
  opened: string;
  /** The order the review walks, in words. */
  order: string;
  /** Where it stands in that order, from 1; 0 where that is not known yet. */
  place: number;
  total: number;
  decided: number;
}

export const DECISIONS: { decision: Decision; label: string; key: string }[] = [
  { decision: "confirmed", label: "Confirm", key: "y" },
  { decision: "rejected", label: "Reject", key: "n" },
  { decision: "unsure", label: "Unsure", key: "u" },
];

type Decided = Decision | null;

/** What the regions of a pair say of it: one confirmed confirms, all rejected reject. */
export function decisionOfRegions(regions: Decided[]): Decided {
  if (regions.includes("confirmed")) return "confirmed";
  return regions.length > 0 && regions.every((each) => each === "rejected") ? "rejected" : null;
}

/** What holds for a pair after the latest decision on a region; dataset/reviews.py stores by the same rule. */
export function pairDecision(own: Decided, review: Decided, regions: Decided[], latest: Decided): Decided {
  const ofRegions = decisionOfRegions(regions);
  if (!own || latest === "confirmed") return ofRegions;
  return ofRegions === "confirmed" ? review : own;
}

/** The pair as it is once something was decided on it, or on one of its regions. */
export function decideOn(pair: Pair, region: Region | null, decision: Decided): Pair {
  const regions = region ? pair.regions.map((each) => (each.id === region.id ? { ...each, decision } : each)) : pair.regions;
  const own = region ? pair.own : decision;
  const review = region ? pairDecision(own, pair.review, regions.map((each) => each.decision), decision) : decision;
  return { ...pair, regions, own, review, decided: pair.decided + Number(!!review) - Number(!!pair.review) };
}

export type Mode = "side" | "swipe" | "overlay" | "blink";

export const MODES: { mode: Mode; label: string; key: string }[] = [
  { mode: "side", label: "Side by side", key: "1" },
  { mode: "swipe", label: "Swipe", key: "2" },
  { mode: "overlay", label: "Overlay", key: "3" },
  { mode: "blink", label: "Blink", key: "4" },
];
