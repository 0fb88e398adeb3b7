/** An exemplar as a tile: the whole image, the crop where the unit fires, its heatmap, or a spotlight. */

import type { Exemplar } from "./contract";
import { h } from "./dom";
import { enlarged, heat, spotlight, type UnitMaps } from "./maps";
import type { Pictures } from "./pictures";

export const MODES = ["whole", "crop", "heatmap", "spotlight"] as const;
export type Mode = (typeof MODES)[number];

export interface TileOf {
  exemplar: Exemplar;
  sign: 1 | -1; // −1 for the pole min
  slot: number; // place among the unit's maps
}

/** The image in a mode; `alt` is its text. */
export function tile(of: TileOf, mode: Mode, maps: UnitMaps | null, pictures: Pictures, side: number, alt: string): HTMLElement {
  const image = pictures.large(of.exemplar[0], alt);
  if (mode === "whole" || (mode !== "crop" && !maps)) return image;
  const canvas = h("canvas.large", { width: side, height: side, role: "img", "aria-label": `${alt}, ${mode}` });
  image.loading = "eager"; // it is drawn, not shown
  image.onload = () => {
    if (mode === "crop") cropped(canvas, image, of.exemplar, side);
    else if (maps) overlaid(canvas, image, of, mode, maps, side);
  };
  return canvas;
}

function cropped(canvas: HTMLCanvasElement, image: HTMLImageElement, exemplar: Exemplar, side: number): void {
  const [, , top, left, bottom, right] = exemplar;
  const scale = image.naturalWidth / side; // a file of a very large input is smaller
  // a square around the box, within the image: a box that the edge cuts is not stretched
  const wanted = Math.max(bottom - top, right - left, side / 8);
  const place = (from: number, to: number) => Math.min(Math.max((from + to - wanted) / 2, 0), side - wanted);
  const context = canvas.getContext("2d")!;
  context.imageSmoothingQuality = "high";
  context.drawImage(
    image, place(left, right) * scale, place(top, bottom) * scale, wanted * scale, wanted * scale, 0, 0, side, side,
  ); // prettier-ignore
}

function overlaid(
  canvas: HTMLCanvasElement, image: HTMLImageElement, of: TileOf, mode: Mode, maps: UnitMaps, side: number,
): void {
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.drawImage(image, 0, 0, side, side);
  const pixels = context.getImageData(0, 0, side, side);
  const map = enlarged(maps.values[of.slot]!, maps.grid, side);
  if (mode === "heatmap") heat(pixels, map, maps.low, maps.high);
  else spotlight(pixels, map, maps.median, of.sign);
  context.putImageData(pixels, 0, 0);
}
