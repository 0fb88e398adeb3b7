/** Images of a block, fetched and decoded before it starts, and then held in memory. */

import type { Images } from "./contract";
import { bytes } from "./network";

const AT_ONCE = 6;

export interface Loaded {
  images: number;
  ms: number;
  retries: number;
}

const held = new Map<string, string>(); // path → object URL

/** Fetch and decode every image, a few at once, each until it is there. Throws where one is no image. */
export async function load(paths: readonly string[], onProgress: (done: number) => void): Promise<Loaded> {
  const began = performance.now();
  const queue = paths.filter((path) => !held.has(path));
  const total = queue.length;
  let done = 0;
  let retries = 0;
  const work = async () => {
    for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
      await fetchOne(path, () => (retries += 1));
      onProgress(++done / total);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { images: total, ms: performance.now() - began, retries };
}

/** The paths of all images of a trial or an example. */
export function pathsOf({ references, queries }: Images): string[] {
  return [...references.left, ...references.right, queries.top, queries.bottom];
}

/** Where the browser has the image. */
export function at(path: string): string {
  const url = held.get(path);
  if (url === undefined) throw new Error("an image is shown that was not loaded");
  return url;
}

/** Free the memory of all images. */
export function release(): void {
  for (const url of held.values()) URL.revokeObjectURL(url);
  held.clear();
}

async function fetchOne(path: string, onRetry: () => void): Promise<void> {
  const url = URL.createObjectURL(await bytes(path, onRetry));
  const image = new Image();
  image.src = url;
  await image.decode();
  held.set(path, url);
}
