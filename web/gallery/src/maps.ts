/** Heatmaps and spotlights from the small activation maps, as `exemplum.explanations` draws them. */

import type { Grid } from "./contract";

export interface UnitMaps {
  values: Float32Array[]; // per exemplar, rows × columns
  low: number; // at the ends of the colours
  high: number;
  median: number;
  grid: Grid;
}

const RANGE = [0.001, 0.999] as const; // quantiles of a unit's maps at the ends of the colours

/** The maps of a unit's exemplars, max before min, from their bytes. */
export function read(held: { low: number; high: number; data: string }, grid: Grid): UnitMaps {
  const bytes = Uint8Array.from(atob(held.data), (character) => character.charCodeAt(0));
  const cells = grid.cells[0] * grid.cells[1];
  const all = Float32Array.from(bytes, (byte) => held.low + ((held.high - held.low) * byte) / 255);
  const values = Array.from({ length: all.length / cells }, (_, k) => all.slice(k * cells, (k + 1) * cells));
  const ordered = all.slice().sort();
  const quantile = (share: number) => ordered[Math.round(share * (ordered.length - 1))] ?? 0;
  return { values, low: quantile(RANGE[0]), high: quantile(RANGE[1]), median: quantile(0.5), grid };
}

/** A map at size × size pixels: bilinear between the centres of cells, constant beyond (exemplum.index.enlarged). */
export function enlarged(map: Float32Array, grid: Grid, size: number): Float32Array {
  const [rows, columns] = [0, 1].map((axis) =>
    Array.from({ length: size }, (_, pixel) => {
      const last = grid.cells[axis]! - 1;
      const at = Math.min(Math.max(((pixel + 0.5) / size - grid.first[axis]!) / grid.stride[axis]!, 0), last);
      const cell = Math.min(Math.floor(at), Math.max(last - 1, 0));
      return [cell, Math.min(cell + 1, last), at - cell] as const;
    }),
  ) as [(readonly [number, number, number])[], (readonly [number, number, number])[]];
  const made = new Float32Array(size * size);
  const width = grid.cells[1];
  rows.forEach(([top, bottom, down], y) => {
    columns.forEach(([left, right, across], x) => {
      const upper = map[top * width + left]! * (1 - across) + map[top * width + right]! * across;
      const lower = map[bottom * width + left]! * (1 - across) + map[bottom * width + right]! * across;
      made[y * size + x] = upper * (1 - down) + lower * down;
    });
  });
  return made;
}

// inferno in nine steps, after matplotlib: rises evenly in lightness, for colour-blind people as well
const INFERNO = [
  [0, 0, 4], [31, 12, 72], [85, 15, 109], [136, 34, 106], [186, 54, 85], [227, 89, 51], [249, 140, 10], [249, 201, 50],
  [252, 255, 164],
]; // prettier-ignore
const OPACITY = 0.5;

/** The colour of a share between the lowest (0) and the highest (1) value. */
export function colour(share: number): [number, number, number] {
  const at = Math.min(Math.max(share, 0), 1) * (INFERNO.length - 1);
  const from = Math.min(Math.floor(at), INFERNO.length - 2);
  return INFERNO[from]!.map((low, channel) =>
    Math.round(low + (INFERNO[from + 1]![channel]! - low) * (at - from)),
  ) as [number, number, number];
}

/** Lay a map over an image, in place: black where it is lowest, red, pale yellow where it is highest. */
export function heat(pixels: ImageData, map: Float32Array, low: number, high: number): void {
  const table = Array.from({ length: 256 }, (_, step) => colour(step / 255));
  map.forEach((value, place) => {
    const share = (value - low) / Math.max(high - low, 1e-12);
    const shown = table[Math.min(Math.max(Math.round(255 * share), 0), 255)]!;
    for (let channel = 0; channel < 3; channel++) {
      const at = 4 * place + channel;
      pixels.data[at] = (1 - OPACITY) * pixels.data[at]! + OPACITY * shown[channel]!;
    }
  });
}

const STRONG = 0.6; // of the way from the unit's typical value to the map's extreme
const DIMMED = 0.3; // brightness outside

/** Dim an image where its map is not strong, with a soft edge, in place; `sign` is −1 for the pole min. */
export function spotlight(pixels: ImageData, map: Float32Array, level: number, sign: 1 | -1): void {
  const size = pixels.width;
  const light = softened(strong(map, level, sign), size, Math.max(1, Math.round(size / 24)));
  light.forEach((share, place) => {
    for (let channel = 0; channel < 3; channel++) {
      const at = 4 * place + channel;
      pixels.data[at] = pixels.data[at]! * (DIMMED + (1 - DIMMED) * share);
    }
  });
}

/** Where a map is beyond the typical level by at least 60 % of what its extreme is: 1 or 0. */
export function strong(map: Float32Array, level: number, sign: 1 | -1): Float32Array {
  const values = map.map((value) => sign * value);
  let most = -Infinity;
  for (const value of values) most = Math.max(most, value);
  let typical = sign * level;
  if (most <= typical) typical = values.slice().sort()[values.length >> 1]!;
  return values.map((value) => (value - typical >= STRONG * (most - typical) ? 1 : 0));
}

/** Three passes of a running mean, which are nearly a Gaussian; what is lit grows by the first half of it. */
function softened(mask: Float32Array, size: number, reach: number): Float32Array {
  let light = mask;
  for (let pass = 0; pass < 3; pass++) {
    light = averaged(averaged(light, size, reach, 1, size), size, reach, size, 1);
    if (!pass) light = light.map((value) => Math.min(1, 2 * value));
  }
  return light;
}

function averaged(values: Float32Array, size: number, reach: number, step: number, line: number): Float32Array {
  const made = new Float32Array(values.length);
  for (let row = 0; row < size; row++) {
    const at = (place: number) => row * line + Math.min(Math.max(place, 0), size - 1) * step;
    let sum = 0;
    for (let place = -reach; place <= reach; place++) sum += values[at(place)]!;
    for (let place = 0; place < size; place++) {
      made[at(place)] = sum / (2 * reach + 1);
      sum += values[at(place + reach + 1)]! - values[at(place - reach)]!;
    }
  }
  return made;
}
