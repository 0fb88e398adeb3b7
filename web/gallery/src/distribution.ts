/** A unit's activations over all images, with images placed along them. */

import type { Context } from "./context";
import type { UnitDetails } from "./contract";
import { h, s } from "./dom";
import { count, number, ordinal } from "./numbers";

const WIDE = 1000; // of the drawing's own coordinates
const HIGH = 150;
const LEAST_PLACE = 58; // px per image along the axis
const STEP = 60; // px of an image in the strip

export function distribution(context: Context, unit: UnitDetails): HTMLElement {
  const { network } = context;
  const sparse = Math.max(...unit.counts) > 0.6 * unit.counts.reduce((sum, each) => sum + each, 0);
  const low = unit.low ?? 0;
  const high = unit.high ?? 0;
  const varies = high > low;
  return h(
    "section", { "aria-labelledby": "distribution" },
    h("h2", { id: "distribution" }, "All activations"),
    h("p.note", {},
      `${count(unit.count, "image")}: from ${number(low)} to ${number(high)}, median ${number(unit.quantiles[3])}, `,
      `standard deviation ${number(unit.std)}`,
      unit.active >= 0 && unit.active < unit.count ? `; not zero for ${count(unit.active, "image")}` : "",
      sparse && varies ? ". Heights are on a logarithmic scale." : "."),
    varies && along(context, unit, sparse),
    ladder(context, unit),
    !network.exact && h("p.note", {}, `Percentiles are of a random sample of ${count(network.sampled, "image")}.`),
  ); // prettier-ignore
}

/** The histogram, and above it images at even steps of the activation. */
function along(context: Context, unit: UnitDetails, sparse: boolean): HTMLElement {
  const low = unit.low!;
  const span = unit.high! - low;
  const share = (value: number) => (value - low) / span;
  const tall = (images: number) => (sparse ? Math.log1p(images) : images);
  const most = tall(Math.max(...unit.counts));
  const bars = unit.counts.map((images, bin) => {
    const height = images ? Math.max(1.5, (tall(images) / most) * HIGH) : 0;
    const wide = WIDE / unit.counts.length;
    return s("rect", { x: bin * wide + 0.7, y: HIGH - height, width: wide - 1.4, height });
  });
  const marks = [0, 3, 6].map((which) => {
    const value = unit.quantiles[which];
    return value === null || value === undefined ? null
      : s("line.quantile", { x1: WIDE * share(value), x2: WIDE * share(value), y1: 0, y2: HIGH });
  }); // prettier-ignore
  const images = h("div.along-images");
  const holder = h(
    "div.along", {}, images,
    s("svg.histogram", { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", role: "img",
      "aria-label": `Distribution of activations from ${number(low)} to ${number(unit.high)}` }, bars, marks),
    h("div.axis", { "aria-hidden": "true" }, ticks(low, unit.high!).map((tick) => {
      const at = h("span", {}, number(tick));
      const half = `${at.textContent!.length / 2}ch`; // within the drawing
      at.style.left = `clamp(${half}, ${100 * share(tick)}%, calc(100% - ${half}))`;
      return at;
    })),
  ); // prettier-ignore
  const place = () => images.replaceChildren(...placed(context, unit, holder.clientWidth));
  let wide = 0;
  new ResizeObserver(() => {
    if (holder.clientWidth !== wide && holder.clientWidth) {
      wide = holder.clientWidth;
      place();
    }
  }).observe(holder);
  return holder;
}

/** As many images as have room, each the nearest to its place on the axis. */
function placed(context: Context, unit: UnitDetails, width: number): HTMLElement[] {
  const low = unit.low!;
  const known = [
    ...unit.along.map((image, at) => [image, unit.alongActivations[at]] as const),
    ...[...unit.max, ...unit.min].map(([image, activation]) => [image, activation] as const),
  ].filter((each): each is readonly [number, number] => each[0] >= 0 && each[1] !== null && each[1] !== undefined);
  const places = Math.max(2, Math.floor(width / LEAST_PLACE));
  const side = Math.min(72, Math.floor(width / places) - 4);
  return nearest(known, low, unit.high!, places).flatMap((each, at) => {
    if (!each) return [];
    const [shown, value] = each;
    const image = context.pictures.thumb(shown, side);
    image.title = number(value);
    image.style.left = `${(100 * (at + 0.5)) / places}%`;
    image.style.marginLeft = `${-side / 2}px`;
    return [image];
  });
}

type Valued = readonly [image: number, value: number];

/** For each of so many even parts from low to high the image of it that is nearest to its middle; null: it has none. */
export function nearest(known: readonly Valued[], low: number, high: number, parts: number): (Valued | null)[] {
  const from = (value: number) => ((value - low) / (high - low)) * parts;
  const found = Array.from({ length: parts }, (): Valued | null => null);
  const far = ([, value]: Valued, part: number) => Math.abs(from(value) - part - 0.5);
  for (const each of known) {
    // the ends belong to the first and the last part, however they are rounded
    const part = Math.min(Math.max(Math.floor(from(each[1])), 0), parts - 1);
    const held = found[part];
    if (!held || far(each, part) < far(held, part)) found[part] = each;
  }
  return found;
}

function ticks(low: number, high: number): number[] {
  const rough = (high - low) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough)!;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, at) => Number(((first + at) * step).toPrecision(6)));
}

/** One image per percentile, 0 to 100: a strip to scroll, a slider to walk along, and the chosen one large. */
function ladder(context: Context, unit: UnitDetails): HTMLElement {
  const strip = h("div.strip", { "aria-hidden": "true" });
  const tiles = unit.ladder.map((image, percentile) => {
    const tile = context.pictures.thumb(image, STEP);
    tile.addEventListener("click", () => choose(percentile, false));
    return tile;
  });
  strip.append(...tiles);
  const large = h("figure.chosen");
  const slider = h("input", {
    type: "range", min: 0, max: unit.ladder.length - 1, step: 1, value: 50, "aria-label": "Percentile",
    oninput: () => choose(Number(slider.value), true),
  }); // prettier-ignore
  const choose = (percentile: number, scroll: boolean) => {
    slider.value = String(percentile);
    const said = `${ordinal(percentile)} percentile, activation ${number(unit.ladderActivations[percentile])}`;
    slider.setAttribute("aria-valuetext", said);
    tiles.forEach((tile, at) => tile.classList.toggle("is-chosen", at === percentile));
    const image = unit.ladder[percentile] ?? -1;
    if (image >= 0) {
      const alt = `Image at the ${said}`;
      large.replaceChildren(context.pictures.large(image, alt), h("figcaption", {}, h("b", {}, `${ordinal(percentile)} percentile`), number(unit.ladderActivations[percentile])));
    }
    const tile = tiles[percentile];
    if (scroll && tile) strip.scrollTo({ left: tile.offsetLeft - strip.clientWidth / 2 + STEP / 2 });
  };
  choose(50, false);
  new ResizeObserver((_, watch) => {
    watch.disconnect(); // it is in the page now
    choose(Number(slider.value), true);
  }).observe(strip);
  return h(
    "div.ladder", {},
    h("h3", {}, "Every percentile"),
    h("div.ladder-row", {}, large, h("div.ladder-strip", {}, strip, slider,
      h("div.ends", { "aria-hidden": "true" }, h("span", {}, "lowest"), h("span", {}, "median"), h("span", {}, "highest")))),
  ); // prettier-ignore
}
