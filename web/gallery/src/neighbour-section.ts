/** Units with like activations, and units that share the images that activate them most. */

import { cell } from "./cell";
import type { Context } from "./context";
import type { UnitDetails } from "./contract";
import { h } from "./dom";
import { EMPTY } from "./unit-table";

const WIDTH = 126; // px of a unit

export function neighbourSection(context: Context, unit: UnitDetails): HTMLElement {
  const { sharedTop } = context.network;
  const alike = unit.alike.map(([place, r]) => [place, correlation(r)] as const);
  const sharing = unit.sharing.map(([place, images]) => [place, String(images)] as const);
  return h(
    "section", { "aria-labelledby": "neighbours" },
    h("h2", { id: "neighbours" }, "Neighbours"),
    row(context, "Like activations", "Correlation of activations over the images (r).", alike),
    row(context, "Shared images", `How many of the at most ${sharedTop} images that activate each most.`, sharing),
  );
}

function correlation(r: number): string {
  return r.toFixed(2).replace(/^0/, "");
}

function row(context: Context, title: string, told: string, units: (readonly [number, string])[]): HTMLElement {
  const list = h("ul.neighbours");
  void Promise.all(units.map(([place]) => context.unit(place))).then((found) =>
    list.replaceChildren(
      ...found.map((unit, at) => {
        const made = cell(unit, EMPTY, 4, WIDTH, context);
        made.querySelector(".figure")!.textContent = units[at]![1];
        return h("li", {}, made);
      }),
    ),
  );
  return h("div", {}, h("h3", {}, title), h("p.note", {}, units.length ? told : "None."), units.length > 0 && list);
}
