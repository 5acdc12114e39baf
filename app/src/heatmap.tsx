/** The stored heatmap, coloured as `results.overlay` does: red where something came, blue where it went. */

import { mediaUrl, React, useEffect, useRef } from "./fiftyone";

const CAME = [230, 60, 40] as const;
const WENT = [40, 110, 230] as const;
const STRONGEST = 0.85 * 255;

interface HeatmapProps {
  path: string;
  /** Whether the picture holds signed values around its middle, or evidence from 0. */
  signed: boolean;
  threshold: number;
}

export function Heatmap({ path, signed, threshold }: HeatmapProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const image = new Image();
    let wanted = true;
    image.onload = () => wanted && canvas.current && paint(canvas.current, image, signed, threshold);
    image.src = mediaUrl(path);
    return () => {
      wanted = false;
    };
  }, [path, signed, threshold]);
  return <canvas ref={canvas} data-cy="argus-heatmap" style={{ position: "absolute", inset: 0, width: "100%", height: "100%" }} />;
}

/** Colour fades in from 70 % of the threshold, so that a quiet pair looks quiet. */
function paint(canvas: HTMLCanvasElement, image: HTMLImageElement, signed: boolean, threshold: number): void {
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const pen = canvas.getContext("2d");
  if (!pen) return;
  pen.drawImage(image, 0, 0);
  const picture = pen.getImageData(0, 0, canvas.width, canvas.height);
  const { data } = picture;
  const faintest = 0.7 * threshold;
  for (let at = 0; at < data.length; at += 4) {
    const level = data[at] ?? 0;
    const value = signed ? (level - 127.5) / 127.5 : level / 255;
    const [red, green, blue] = value < 0 ? WENT : CAME;
    data[at] = red;
    data[at + 1] = green;
    data[at + 2] = blue;
    data[at + 3] = STRONGEST * Math.max(0, Math.min(1, (Math.abs(value) - faintest) / (1 - faintest)));
  }
  pen.putImageData(picture, 0, 0);
}
