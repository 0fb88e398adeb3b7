/** A unit's page: everything that is known of it. */

import { flagOf } from "./cell";
import type { Context, Page } from "./context";
import { distribution } from "./distribution";
import { h } from "./dom";
import { exemplars } from "./exemplars";
import { madeSection } from "./made-section";
import { neighbourSection } from "./neighbour-section";
import { count, label, percent, rank, score, words } from "./numbers";
import { unitLink, unitsLink } from "./route";
import { scoreSection } from "./score-section";
import { MODES } from "./tile";
import { trialSection } from "./trial-section";
import type { UnitRow } from "./unit-table";
import { viewName } from "./views";

export async function unitPage(context: Context, name: string): Promise<Page> {
  const { data, network } = context;
  const place = data.placeOf(name);
  if (place < 0) return absent(context, name);
  const layer = data.layerOf(place);
  const [details, unit, mates] = await Promise.all([data.unit(place), context.unit(place), context.units([layer])]);
  const [before, after] = around(context, place);
  const back = context.back || unitsLink({ layer: network.layers[layer]!.name });
  const go = (to: number | null) => {
    if (to !== null) location.hash = unitLink(data.nameOf(to));
  };
  const shown = exemplars(context, details, layer);
  const sections = [
    shown.element, distribution(context, details), madeSection(context, details), scoreSection(context, details),
    neighbourSection(context, details), trialSection(context, details),
  ]; // prettier-ignore
  const element = h(
    "main.page.unit", {},
    h("header.unit-head", {},
      h("nav.walk", { "aria-label": "Units" },
        h("a", { href: back }, "↑ Grid"),
        step("← Previous", before, context), step("Next →", after, context)),
      h("h1", {}, name),
      facts(context, unit, mates),
      likes(context, details.likes)),
    sections,
  ); // prettier-ignore
  return {
    title: name,
    unit: place,
    element,
    key: (event) => {
      if (event.key === "ArrowLeft") go(before);
      else if (event.key === "ArrowRight") go(after);
      else if (event.key === "g") location.hash = back;
      else if (/^[1-4]$/.test(event.key)) shown.show(MODES[Number(event.key) - 1]!);
      else return false;
      return true;
    },
  };
}

/** The units before and after one in the grid that was looked at last, or else in the network. */
function around(context: Context, place: number): [number | null, number | null] {
  const { walked, count } = context;
  const at = walked.indexOf(place);
  if (at >= 0) return [walked[at - 1] ?? null, walked[at + 1] ?? null];
  return [place > 0 ? place - 1 : null, place + 1 < count ? place + 1 : null];
}

function step(text: string, to: number | null, context: Context): HTMLElement {
  const href = to === null ? undefined : unitLink(context.data.nameOf(to));
  return href ? h("a", { href }, text) : h("span.off", {}, text);
}

function facts({ network }: Context, unit: UnitRow, mates: UnitRow[]): HTMLElement {
  const layer = network.layers[unit.layer]!;
  const parts = [
    h("a", { href: unitsLink({ layer: layer.name }) }, layer.name),
    unit.branch && `branch ${unit.branch}`,
    layer.isDictionary && `feature of ${layer.readFrom}`,
    unit.role === 1 && "tested in the study",
    unit.role === 2 && "for practice",
  ].filter((part) => part !== false && part !== "");
  const value = unit.scores[0] ?? null;
  const all = mates.map((mate) => mate.scores[0] ?? NaN).filter(Number.isFinite).sort((a, b) => a - b); // prettier-ignore
  return h(
    "p.facts", {},
    flagOf(unit) && h("span.flag", {}, flagOf(unit)),
    parts.flatMap((part, at) => (at ? [" · ", part] : [part])),
    value !== null && network.views[0] &&
      h("span.standing", {}, h("b", {}, score(value)),
        ` ${viewName(network.views[0], network.views)}; above ${percent(rank(all, value))} of its layer`),
    unit.people !== null && h("span.standing", {}, h("b", {}, percent(unit.people)), ` of people’s ${count(unit.answers, "answer")} correct`),
  ); // prettier-ignore
}

function likes({ network }: Context, found: [number, number, number, number][]): HTMLElement | null {
  if (!found.length) return null;
  return h(
    "p.chips", {}, h("span.likes", {}, "Likes"),
    found.map(([number, count, of, share]) => {
      const [key, value] = network.labels[number]!;
      const told = `${count} of the ${of} highest images; ${percent(share, 1)} of all`;
      return h("a.chip", { href: unitsLink({ q: `${key}:${value}` }), title: told }, h("small", {}, label(key)), words(value),
        h("small", {}, `${count}/${of}`)); // prettier-ignore
    }),
  );
}

function absent(context: Context, name: string): Page {
  const layers = context.network.layers.map((layer) => layer.name).join(", ");
  const element = h(
    "main.page", {}, h("h1", {}, "No such unit"),
    h("p", {}, `${name} is not in this gallery, which has ${layers}.`), h("p", {}, h("a", { href: "#/" }, "Overview")),
  ); // prettier-ignore
  return { title: "No such unit", element };
}
