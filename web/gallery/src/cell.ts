/** A unit in a grid: its highest images, its name, and one number. */

import type { Context } from "./context";
import { h } from "./dom";
import { number, percent, score, words } from "./numbers";
import { unitLink } from "./route";
import { disagreement, type Question, type UnitRow } from "./unit-table";

export interface Density {
  name: string;
  images: 1 | 4;
  width: number; // CSS pixels, least
}

export const CAPTION = 28; // px below the images
export const DENSITIES: Density[] = [
  { name: "Small", images: 1, width: 68 },
  { name: "Medium", images: 4, width: 126 },
  { name: "Large", images: 4, width: 208 },
];
const SEAM = 2; // px between images

/** The number that a grid shows: what it is sorted by, or else the score. */
function figure(unit: UnitRow, question: Question): string {
  if (question.sort === "people") return percent(unit.people);
  if (question.sort === "disagreement") {
    const gap = disagreement(unit);
    return gap < 0 ? "—" : `${Math.round(100 * gap)} pt`;
  }
  if (question.sort === "selective") return `${number(unit.selectivity, 2)} sd`;
  if (question.sort === "rare") return unit.active < 0 ? "" : `${unit.active} active`;
  const value = unit.scores[question.view];
  return value === null || value === undefined ? "" : score(value);
}

export function flagOf(unit: UnitRow): string {
  return unit.flag === 1 ? "dead" : unit.flag === 2 ? "rare" : "";
}

export function cell(unit: UnitRow, question: Question, images: 1 | 4, width: number, context: Context): HTMLElement {
  const shown = figure(unit, question);
  // ink and ground may be of one colour
  const liked = [...new Set(unit.likes.map((each) => words(context.network.labels[each]![1])))].slice(0, 3).join(", ");
  // what is seen in another way, for readers
  const heard = [
    unit.branch && `branch ${unit.branch}`, unit.role === 1 && "tested in the study",
    liked && `likes ${liked}`,
  ].filter(Boolean).map((part) => `, ${part}`).join(""); // prettier-ignore
  const side = images === 1 ? width : (width - SEAM) / 2;
  const thumbs = unit.thumbs.slice(0, images).map((image) => context.pictures.thumb(image, side));
  const share = unit.accuracies[question.view];
  const bar = h("span.bar", { "aria-hidden": "true" });
  // chance at the left end
  if (share !== null && share !== undefined) bar.style.setProperty("--share", String(Math.max(0, 2 * share - 1)));
  const made = h(
    `a.cell.${images === 1 ? "one" : "four"}`,
    { href: unitLink(unit.name), title: [unit.name, liked && `likes ${liked}`].filter(Boolean).join(", ") },
    h("span.images", {}, thumbs),
    bar,
    h("span.caption", {}, h("span.heard", {}, unit.name),
      h("b", { "aria-hidden": "true" }, images === 4 && h("span.of", {}, context.network.layers[unit.layer]!.name), `:${unit.channel}`), " ",
      h("span.figure", {}, flagOf(unit) || shown), h("span.heard", {}, heard)),
  ); // prettier-ignore
  made.style.width = `${width}px`;
  if (unit.flag) made.classList.add("faint");
  if (unit.role === 1) made.classList.add("studied");
  return made;
}
