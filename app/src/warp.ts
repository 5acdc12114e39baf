/** Placing the before picture where the run aligned it, in CSS. */

export type Warp = readonly number[];

/**
 * A `matrix3d` that carries an element of the given size (px) by a homography.
 *
 * The homography is row-major and maps fractions of the before picture to fractions
 * of the after picture; both pictures are stretched over the same width × height.
 * CSS wants column-major 4×4, with the unused depth axis left alone.
 */
export function cssMatrix(warp: Warp | null | undefined, width: number, height: number): string {
  if (!warp || warp.length !== 9 || !width || !height) return "none";
  const [a, b, c, d, e, f, g, h, i] = warp as [number, number, number, number, number, number, number, number, number];
  const columns = [
    [a, (d * height) / width, 0, g / width],
    [(b * width) / height, e, 0, h / height],
    [0, 0, 1, 0],
    [c * width, f * height, 0, i],
  ];
  return `matrix3d(${columns.flat().map((value) => value.toPrecision(9)).join(",")})`;
}

export interface Size {
  width: number;
  height: number;
}

/** The largest size of the picture's shape that fits, px. */
export function fit(picture: Size, room: Size): Size {
  const scale = Math.min(room.width / picture.width, room.height / picture.height);
  return { width: Math.floor(picture.width * scale), height: Math.floor(picture.height * scale) };
}

/** A picture scaled by `scale` about its left top corner, then moved by x and y px. */
export interface Zoom {
  x: number;
  y: number;
  scale: number;
}

export const NO_ZOOM: Zoom = { x: 0, y: 0, scale: 1 };

export const cssZoom = ({ x, y, scale }: Zoom): string =>
  scale === 1 ? "none" : `translate(${x.toFixed(2)}px,${y.toFixed(2)}px) scale(${scale.toFixed(4)})`;

/** The zoom that brings a region (fractions) to the middle, three times its size in view. */
export function zoomOn(box: readonly number[] | null, size: Size): Zoom {
  if (!box) return NO_ZOOM;
  const [left = 0, top = 0, width = 1, height = 1] = box;
  const scale = Math.max(1, Math.min(8, 1 / (3 * Math.max(width, height))));
  const shift = (start: number, extent: number) =>
    Math.min(0, Math.max(1 - scale, 0.5 - scale * (start + extent / 2)));
  const x = shift(left, width) * size.width;
  const y = shift(top, height) * size.height;
  return { x, y, scale };
}
