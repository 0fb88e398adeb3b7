/** Choosing a view of the scores: method, observer, difficulty, number of references. */

import type { Network, View } from "./contract";
import { h } from "./dom";
import { label } from "./numbers";

/** A view in words; what all views have in common is left out. */
export function viewName(view: View, all: View[]): string {
  const differs = (key: keyof View) => all.some((other) => other[key] !== view[key]);
  return [
    label(view.method),
    differs("difficulty") || all.length === 1 ? `at ${view.difficulty}` : "",
    differs("observer") ? `by ${label(view.observer)}` : "",
    differs("references") ? `${view.references} references` : "",
  ].filter(Boolean).join(", "); // prettier-ignore
}

export function viewChooser(network: Network, chosen: number, onChoice: (view: number) => void): HTMLElement | null {
  if (!network.views.length) return null;
  const options = network.views.map((view, number) =>
    h("option", { value: number, selected: number === chosen }, viewName(view, network.views)),
  );
  const select = h("select", { onchange: () => onChoice(Number(select.value)) }, options);
  return h("label.field", {}, h("span", {}, "Score"), select);
}
