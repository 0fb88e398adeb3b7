/** The images that activate a unit most and least, in four ways of showing where. */

import type { Context } from "./context";
import type { UnitDetails } from "./contract";
import { h } from "./dom";
import { read, type UnitMaps } from "./maps";
import { number } from "./numbers";
import { MODES, tile, type Mode, type TileOf } from "./tile";

const MODE = "exemplum.gallery.mode";
const TOLD: Record<Mode, string> = {
  whole: "The image as the network sees it.",
  crop: "The part that the most responsive place depends on most.",
  heatmap: "The unit’s map, from its lowest value over these images to its highest.",
  spotlight: "Bright where the map is at least 60 % of the way from its median to its extreme.",
};

export interface Exemplars {
  element: HTMLElement;
  show: (mode: Mode) => void;
}

export function exemplars(context: Context, unit: UnitDetails, layer: number): Exemplars {
  const { grid } = context.network.layers[layer]!;
  const maps = unit.maps && grid ? read(unit.maps, grid) : null;
  const kept = localStorage.getItem(MODE) as Mode;
  const offered = MODES.filter((mode) => mode === "whole" || (mode === "crop" ? isPart(unit, context) : maps));
  const hasWays = offered.length > 1;
  const told = h("p.note", { "aria-live": "polite" });
  const scale = maps && heatScale(maps);
  const poles = h("div.poles");
  const buttons = offered.map((each) =>
    h("button", { type: "button", onclick: () => show(each), title: `key ${MODES.indexOf(each) + 1}` }, each),
  );
  const draw = (mode: Mode) => {
    buttons.forEach((button, at) => button.setAttribute("aria-pressed", String(offered[at] === mode)));
    told.textContent = TOLD[mode];
    if (scale) scale.hidden = mode !== "heatmap";
    poles.replaceChildren(
      pole(context, unit, "max", offered, mode, maps), pole(context, unit, "min", offered, mode, maps),
    ); // prettier-ignore
  };
  const show = (chosen: Mode) => {
    if (!offered.includes(chosen)) return;
    localStorage.setItem(MODE, chosen); // the reader's choice, which a unit that does not offer it leaves alone
    draw(chosen);
  };
  draw(offered.includes(kept) ? kept : "whole");
  const element = h(
    "section", { "aria-labelledby": "exemplars" },
    h("div.section-head", {}, h("h2", { id: "exemplars" }, "Exemplars"),
      hasWays && h("div.modes", { role: "group", "aria-label": "Show" }, buttons)),
    hasWays && h("div.under-head", {}, told, scale), poles,
  ); // prettier-ignore
  return { element, show };
}

/** Whether any place is less than the whole image: units without a map have none. */
function isPart(unit: UnitDetails, { network: { side } }: Context): boolean {
  return [...unit.max, ...unit.min].some(([, , top, left, bottom, right]) => bottom - top < side || right - left < side);
}

function pole(
  context: Context, unit: UnitDetails, name: "max" | "min", offered: Mode[], mode: Mode, maps: UnitMaps | null,
): HTMLElement {
  const all = unit[name];
  const sign = name === "max" ? 1 : -1;
  const first = name === "max" ? 0 : unit.max.length;
  const tiles = all.map((exemplar, at) => {
    const of: TileOf = { exemplar, sign, slot: first + at };
    const value = number(exemplar[1]);
    const alt = `${name === "max" ? "Highest" : "Lowest"} image ${at + 1}, activation ${value}`;
    return h(
      "button.tile", { type: "button", "aria-label": alt, onclick: () => enlarge(context, unit, of, maps, offered, alt) },
      tile(of, mode, maps, context.pictures, context.network.side, alt), h("span.value", {}, value),
    ); // prettier-ignore
  });
  return h(
    `div.pole.${name}`, {},
    h("h3", {}, name === "max" ? "Activate it most" : "Activate it least"),
    name === "min" && all.length > 1 && all.every((each) => each[1] === all[0]![1]) &&
      h("p.note.tied", {}, "Any of the images with its lowest activation, which many have."),
    tiles.length
      ? h("div.tiles", {}, tiles)
      : h("p.note", {}, unit.low === unit.high ? "It has the same activation for every image." : "None are shown."),
  );
}

function heatScale(maps: UnitMaps): HTMLElement {
  return h(
    "span.scale", { hidden: true }, h("span", {}, number(maps.low)), h("i.inferno", { "aria-hidden": "true" }),
    h("span", {}, number(maps.high)),
  ); // prettier-ignore
}

/** One image in every way that is offered, with what is known of it. */
async function enlarge(
  context: Context, unit: UnitDetails, of: TileOf, maps: UnitMaps | null, offered: Mode[], alt: string,
): Promise<void> {
  const { side } = context.network;
  const dialog = h("dialog.enlarged", { "aria-label": alt });
  const close = () => dialog.close();
  dialog.append(
    h("div.ways-of-showing", {}, offered.map((each) => h("figure", {}, tile(of, each, maps, context.pictures, side, alt),
      h("figcaption", {}, each)))),
    h("div.about", {}, h("button.close", { type: "button", onclick: close }, "Close"), h("h2", {}, alt)),
  ); // prettier-ignore
  dialog.addEventListener("click", (event) => event.target === dialog && close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  const facts = await context.data.images();
  const id = facts.ids[of.exemplar[0]] ?? "";
  const labels = (facts.labels[of.exemplar[0]] ?? []).map((text) => facts.texts[text]!);
  dialog.querySelector(".about")!.append(
    h("p", {}, h("code", {}, id)),
    h("p.chips", {}, labels.map((text) => h("span.chip", {}, text.split(": ").slice(1).join(": "),
      h("small", {}, text.split(": ")[0]!)))),
    h("p.note", {}, `Activation ${number(of.exemplar[1])}; the median over all images is ${number(unit.quantiles[3])}.`),
  ); // prettier-ignore
}
