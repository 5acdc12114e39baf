/** Pictures fetched and decoded ahead, so that a pair is on the screen as soon as it is named there. */

import { mediaUrl, useEffect, useState } from "./fiftyone";
import type { Pair } from "./pair";

const KEPT = 24;
const kept = new Map<string, HTMLImageElement>();
const settled = new Set<string>();

const picturesOf = (pair: Pair): string[] => [pair.before.path, pair.after.path];

/** Fetch a pair's pictures and map before they are asked for. */
export function prepare(pair: Pair): void {
  const map = pair.signed || pair.heatmap;
  for (const path of [...picturesOf(pair), ...(map ? [map] : [])]) fetchPicture(path);
}

/** Whether both pictures of a pair can be seen; one that cannot be read counts, for that shows as well. */
export function useOnScreen(pair: Pair | null): boolean {
  const [, look] = useState(0);
  const paths = pair ? picturesOf(pair) : [];
  useEffect(() => {
    let wanted = true;
    for (const path of paths) void fetchPicture(path).then(() => wanted && look((times) => times + 1));
    return () => {
      wanted = false;
    };
  }, [paths.join("\n")]);
  return paths.length > 0 && paths.every((path) => settled.has(path));
}

async function fetchPicture(path: string): Promise<void> {
  const image = kept.get(path) ?? new Image();
  kept.delete(path); // and in again as the latest
  kept.set(path, image);
  if (!image.src) image.src = mediaUrl(path);
  forgetOldest();
  await image.decode().catch(() => undefined);
  settled.add(path);
}

function forgetOldest(): void {
  const [oldest] = kept.keys();
  if (kept.size <= KEPT || oldest === undefined) return;
  kept.delete(oldest);
  settled.delete(oldest);
}
