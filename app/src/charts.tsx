/** The score histogram with its threshold, and the precision–recall curve. */

import { React, useRef } from "./fiftyone";
import { ink } from "./look";
import type { CurvePoint } from "./triage_data";

const WIDTH = 400;
const HEIGHT = 150;
const FLOOR = 132;

interface HistogramProps {
  bars: number[][];
  colours: string[];
  threshold: number;
  onThreshold(threshold: number): void;
}

/** Stacked bars over scores 0 to 1; heights are square roots, so that rare bars stay visible. */
export function Histogram({ bars, colours, threshold, onThreshold }: HistogramProps) {
  const svg = useRef<SVGSVGElement>(null);
  const tallest = Math.max(1, ...bars.map(total));
  const height = (count: number) => (Math.sqrt(count) / Math.sqrt(tallest)) * (FLOOR - 8);
  const move = (event: React.PointerEvent) => {
    if (event.type === "pointermove" && !event.buttons) return;
    const { left, width } = svg.current?.getBoundingClientRect() ?? { left: 0, width: 1 };
    onThreshold(Math.max(0.01, Math.min(1, Math.round(((event.clientX - left) / width) * 100) / 100)));
  };
  const width = WIDTH / bars.length;
  return (
    <svg ref={svg} data-cy="argus-histogram" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" onPointerDown={move} onPointerMove={move} style={{ width: "100%", height: HEIGHT, display: "block", cursor: "ew-resize", touchAction: "none" }}>
      {bars.flatMap((bar, at) => stack(bar, height).map(({ from, to, index }) => (
        <rect key={`${at}-${index}`} x={at * width + 0.5} width={width - 1} y={FLOOR - to} height={to - from} fill={colours[index]} opacity={(at + 0.5) / bars.length >= threshold ? 1 : 0.45} />
      )))}
      <line x1={0} x2={WIDTH} y1={FLOOR} y2={FLOOR} stroke={ink.line} vectorEffect="non-scaling-stroke" />
      <line x1={threshold * WIDTH} x2={threshold * WIDTH} y1={0} y2={FLOOR + 6} stroke={ink.accent} strokeWidth={2} vectorEffect="non-scaling-stroke" />
    </svg>
  );
}

const total = (bar: number[]) => bar.reduce((sum, count) => sum + count, 0);

/** Shares of one bar's height, proportional to the counts stacked in it. */
function stack(bar: number[], height: (count: number) => number) {
  const sum = total(bar);
  const whole = height(sum);
  let below = 0;
  return bar
    .map((count, index) => {
      const from = below;
      below += sum ? (count / sum) * whole : 0;
      return { from, to: below, index };
    })
    .filter(({ from, to }) => to > from);
}

/** Ticks drawn as text beside the stretched chart, so that letters keep their shape. */
export function ScoreAxis() {
  return (
    <div className="row faint" style={{ justifyContent: "space-between", fontSize: 11, marginTop: -14 }}>
      {["0", "0.25", "0.5", "0.75", "1"].map((tick) => (
        <span key={tick}>{tick}</span>
      ))}
    </div>
  );
}

/** Precision over recall, both 0 to 1, with the point that the threshold stands for. */
export function Curve({ points, threshold }: { points: CurvePoint[]; threshold: number }) {
  const at = (point: CurvePoint) => `${(point.recall * 180).toFixed(1)},${((1 - point.precision) * 120).toFixed(1)}`;
  const chosen = points.reduce<CurvePoint | null>(
    (best, point) => (!best || Math.abs(point.threshold - threshold) < Math.abs(best.threshold - threshold) ? point : best),
    null,
  );
  return (
    <div data-cy="argus-curve">
      <svg viewBox="-26 -6 216 146" style={{ width: "100%", maxHeight: 150, display: "block" }}>
        <path d="M0 0 V120 H180" fill="none" stroke={ink.line} />
        <path d="M0 60 H180 M90 0 V120" fill="none" stroke={ink.line} strokeDasharray="2 3" />
        <polyline points={points.map(at).join(" ")} fill="none" stroke="#56b4e9" strokeWidth={1.6} />
        {chosen && <circle cx={chosen.recall * 180} cy={(1 - chosen.precision) * 120} r={4} fill={ink.accent} />}
        <g fill={ink.faint} fontSize={9}>
          <text x={-4} y={4} textAnchor="end">1</text>
          <text x={-4} y={123} textAnchor="end">0</text>
          <text x={0} y={132} textAnchor="middle">0</text>
          <text x={180} y={132} textAnchor="middle">1</text>
          <text x={90} y={134} textAnchor="middle">recall</text>
          <text x={-10} y={64} textAnchor="middle" transform="rotate(-90 -10 60)">precision</text>
        </g>
      </svg>
      {chosen && (
        <div className="faint" style={{ fontSize: 12 }}>
          At {chosen.threshold.toFixed(2)}: precision {chosen.precision.toFixed(2)}, recall {chosen.recall.toFixed(2)}
        </div>
      )}
    </div>
  );
}
