/** Before and after together: side by side, swiped, overlaid or blinking. */

import { mediaUrl, React, useEffect, useRef, useState } from "./fiftyone";
import { Heatmap } from "./heatmap";
import { decisionInk, directionInk, ink } from "./look";
import type { Mode, Pair, Region } from "./pair";
import { cssMatrix, cssZoom, fit, NO_ZOOM, type Size, zoomOn } from "./warp";

const BLINK_MS = 700;
const GAP = 8;

export interface Looks {
  mode: Mode;
  /** Swipe: share of the width that shows before. Overlay: opacity of after. In [0, 1]. */
  share: number;
  heatmap: boolean;
  boxes: boolean;
  zoom: boolean;
  /** After a decision on a whole pair, open the next one. */
  goOn: boolean;
  /** Blink: hold on one picture instead of alternating. */
  held: "before" | "after" | null;
}

interface StageProps {
  pair: Pair;
  looks: Looks;
  selected: Region | null;
  onSelect(region: Region): void;
  onShare(share: number): void;
}

export function Stage(props: StageProps) {
  const { pair, looks } = props;
  const [room, roomRef] = useRoom();
  const beside = looks.mode === "side";
  const across = beside && prefersRow(pair.after, room);
  const each = beside ? half(room, across) : room;
  const size = fit(pair.after, each);
  const showing = useBlink(looks);
  return (
    <div ref={roomRef} data-cy="argus-stage" style={{ position: "absolute", inset: 0, overflow: "hidden" }}>
      <div style={{ display: "flex", flexDirection: across ? "row" : "column", gap: GAP, height: "100%", alignItems: "center", justifyContent: "center" }}>
        {beside && <Frame {...props} size={size} title="before" before={1} after={0} />}
        {beside && <Frame {...props} size={size} title="after" before={0} after={1} />}
        {looks.mode === "swipe" && <Frame {...props} size={size} title="" before={1} after={1} cut={looks.share} />}
        {looks.mode === "overlay" && <Frame {...props} size={size} title="" before={1} after={looks.share} />}
        {looks.mode === "blink" && (
          <Frame {...props} size={size} title={showing} before={1} after={showing === "after" ? 1 : 0} />
        )}
      </div>
    </div>
  );
}

interface FrameProps extends StageProps {
  size: Size;
  title: string;
  before: number;
  after: number;
  cut?: number;
}

function Frame({ pair, looks, selected, onSelect, onShare, size, title, before, after, cut }: FrameProps) {
  const fill = { position: "absolute", left: 0, top: 0, width: size.width, height: size.height, maxWidth: "none" } as const;
  const zoom = looks.zoom ? zoomOn(selected?.box ?? null, size) : NO_ZOOM;
  // the cut is where the divider stands on the screen, whatever the zoom
  const cutWithin = cut === undefined ? 0 : (cut * size.width - zoom.x) / (zoom.scale * size.width || 1);
  const clip = cut === undefined ? undefined : `inset(0 0 0 ${cutWithin * 100}%)`;
  const heatmap = looks.heatmap ? pair.signed || pair.heatmap : null;
  const inner = { ...fill, transformOrigin: "0 0", transition: "transform .15s", transform: cssZoom(zoom) };
  return (
    <div
      data-cy={`argus-frame-${title || looks.mode}`}
      onPointerMove={(event) => cut !== undefined && event.buttons && onShare(shareAt(event))}
      onPointerDown={(event) => cut !== undefined && onShare(shareAt(event))}
      style={{ position: "relative", width: size.width, height: size.height, overflow: "hidden", flex: "none", background: ink.media, cursor: cut === undefined ? "default" : "ew-resize", touchAction: "none" }}
    >
      <div style={inner}>
        {before > 0 && (
          <img
            key={pair.before.path}
            alt="before"
            decoding="sync"
            draggable={false}
            src={mediaUrl(pair.before.path)}
            style={{ ...fill, transformOrigin: "0 0", transform: cssMatrix(pair.warp, size.width, size.height) }}
          />
        )}
        <div style={{ ...fill, clipPath: clip, opacity: after }}>
          <img key={pair.after.path} alt="after" decoding="sync" draggable={false} src={mediaUrl(pair.after.path)} style={{ ...fill, filter: heatmap ? "saturate(.5)" : "none" }} />
          {heatmap && <Heatmap key={heatmap} path={heatmap} signed={!!pair.signed} threshold={pair.threshold} />}
        </div>
        {looks.boxes && <Boxes regions={pair.regions} selected={selected} onSelect={onSelect} size={size} />}
      </div>
      {cut !== undefined && <Divider at={cut * size.width} />}
      {title && <Badge>{title}</Badge>}
      {cut !== undefined && <Badge>before</Badge>}
      {cut !== undefined && <Badge right>after</Badge>}
    </div>
  );
}

function Boxes({ regions, selected, onSelect, size }: { regions: Region[]; selected: Region | null; onSelect(region: Region): void; size: Size }) {
  return (
    <svg viewBox="0 0 1 1" preserveAspectRatio="none" width={size.width} height={size.height} style={{ position: "absolute", inset: 0, pointerEvents: "none" }}>
      {regions.map((region) => {
        const [x, y, width, height] = region.box;
        const chosen = region.id === selected?.id;
        return (
          <rect
            key={region.id}
            {...{ x, y, width, height }}
            data-cy="argus-box"
            fill="transparent"
            stroke={region.decision ? decisionInk[region.decision] : directionInk[region.direction]}
            strokeWidth={chosen ? 4 : 2}
            strokeDasharray={region.decision === "rejected" ? "4 4" : undefined}
            vectorEffect="non-scaling-stroke"
            style={{ pointerEvents: "all", cursor: "pointer" }}
            onClick={() => onSelect(region)}
          />
        );
      })}
    </svg>
  );
}

function Divider({ at }: { at: number }) {
  return <div style={{ position: "absolute", top: 0, bottom: 0, left: at - 1, width: 2, background: ink.accent, pointerEvents: "none" }} />;
}

function Badge({ children, right }: { children: string; right?: boolean }) {
  return (
    <span style={{ position: "absolute", top: 8, [right ? "right" : "left"]: 8, padding: "1px 8px", borderRadius: 4, background: "rgba(0,0,0,.7)", color: "#fff", fontSize: 12, pointerEvents: "none" }}>
      {children}
    </span>
  );
}

function shareAt(event: React.PointerEvent<HTMLDivElement>): number {
  const { left, width } = event.currentTarget.getBoundingClientRect();
  return Math.max(0, Math.min(1, (event.clientX - left) / width));
}

/** Which picture a blinking stage shows right now. */
function useBlink({ mode, held }: Looks): "before" | "after" {
  const [showing, setShowing] = useState<"before" | "after">("after");
  useEffect(() => {
    if (mode !== "blink" || held) return undefined;
    const timer = window.setInterval(() => setShowing((now) => (now === "after" ? "before" : "after")), BLINK_MS);
    return () => window.clearInterval(timer);
  }, [mode, held]);
  return held ?? showing;
}

function useRoom(): [Size, React.RefObject<HTMLDivElement>] {
  const ref = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState<Size>({ width: 0, height: 0 });
  useEffect(() => {
    if (!ref.current) return undefined;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setRoom({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return [room, ref];
}

const half = (room: Size, across: boolean): Size =>
  across
    ? { width: Math.max(0, (room.width - GAP) / 2), height: room.height }
    : { width: room.width, height: Math.max(0, (room.height - GAP) / 2) };

/** Whether the pictures come out larger next to each other than below each other. */
function prefersRow(picture: Size, room: Size): boolean {
  return fit(picture, half(room, true)).width >= fit(picture, half(room, false)).width;
}
