/** The stored heatmap, coloured: 8-bit grey in, one warm colour with matching opacity out. */

import { mediaUrl, React, useEffect, useRef } from "./fiftyone";

const COLOUR = [255, 109, 4] as const;
const FAINTEST = 20;

export function Heatmap({ path }: { path: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const image = new Image();
    let wanted = true;
    image.onload = () => wanted && canvas.current && paint(canvas.current, image);
    image.src = mediaUrl(path);
    return () => {
      wanted = false;
    };
  }, [path]);
  return <canvas ref={canvas} data-cy="argus-heatmap" style={{ position: "absolute", inset: 0, width: "100%", height: "100%" }} />;
}

function paint(canvas: HTMLCanvasElement, image: HTMLImageElement): void {
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const pen = canvas.getContext("2d");
  if (!pen) return;
  pen.drawImage(image, 0, 0);
  const picture = pen.getImageData(0, 0, canvas.width, canvas.height);
  const { data } = picture;
  for (let at = 0; at < data.length; at += 4) {
    const strength = data[at] ?? 0;
    data[at] = COLOUR[0];
    data[at + 1] = COLOUR[1];
    data[at + 2] = COLOUR[2];
    data[at + 3] = strength < FAINTEST ? 0 : strength * 0.55;
  }
  pen.putImageData(picture, 0, 0);
}
