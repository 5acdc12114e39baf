/** The score histogram with its threshold, and the precision–recall curve. */

import { React, useRef } from "./fiftyone";
import { ink } from "./look";
import { threshold as told } from "./look";
import type { CurvePoint, Tally } from "./triage_data";

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
    if (event.type === "pointerdown") svg.current?.setPointerCapture(event.pointerId);
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

const SIDE = 120;
const LONG = 300;

/** Precision over recall, both 0 to 1, with the point that the threshold stands for, by the counts shown above. */
export function Curve({ points, threshold, sums }: { points: CurvePoint[]; threshold: number; sums: Tally }) {
  const x = (recall: number) => recall * LONG;
  const y = (precision: number) => (1 - precision) * SIDE;
  const found = sums.changed - sums.missed;
  const marked = found + sums.false_alarms;
  const chosen = marked > 0 && sums.changed > 0 ? { precision: found / marked, recall: found / sums.changed } : null;
  return (
    <div data-cy="argus-curve">
      <svg viewBox={`-30 -6 ${LONG + 40} ${SIDE + 28}`} style={{ width: "100%", maxHeight: 172, display: "block" }}>
        <path d={`M0 0 V${SIDE} H${LONG}`} fill="none" stroke={ink.line} />
        <path d={`M0 ${SIDE / 2} H${LONG} M${LONG / 2} 0 V${SIDE}`} fill="none" stroke={ink.line} strokeDasharray="2 3" />
        <polyline points={points.map((point) => `${x(point.recall).toFixed(1)},${y(point.precision).toFixed(1)}`).join(" ")} fill="none" stroke="#56b4e9" strokeWidth={1.8} />
        {chosen && <circle cx={x(chosen.recall)} cy={y(chosen.precision)} r={4.5} fill={ink.accent} />}
        <g fill={ink.faint} fontSize={10}>
          <text x={-5} y={4} textAnchor="end">1</text>
          <text x={-5} y={SIDE + 4} textAnchor="end">0</text>
          <text x={0} y={SIDE + 14} textAnchor="middle">0</text>
          <text x={LONG} y={SIDE + 14} textAnchor="middle">1</text>
          <text x={LONG / 2} y={SIDE + 16} textAnchor="middle">recall</text>
          <text x={-16} y={SIDE / 2} textAnchor="middle" transform={`rotate(-90 -16 ${SIDE / 2})`}>precision</text>
        </g>
      </svg>
      <div className="faint" style={{ fontSize: 12 }}>
        {chosen
          ? `At ${told(threshold)}: precision ${chosen.precision.toFixed(2)}, recall ${chosen.recall.toFixed(2)}`
          : `At ${told(threshold)} no pair of known truth is flagged`}
      </div>
    </div>
  );
}
