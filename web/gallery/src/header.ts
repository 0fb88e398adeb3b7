/** What stands above every page: the way back, the search, the look, and the keys. */

import type { Context } from "./context";
import { h } from "./dom";
import { unitLink, unitsLink } from "./route";

const LOOK = "exemplum.gallery.look";
const LOOKS = ["auto", "light", "dark"] as const;

export function header(context: Context): HTMLElement {
  const { data, network } = context;
  const words = h("input", { type: "search", placeholder: "Find units", "aria-label": "Find units by name, or by what they like",
    autocomplete: "off", spellcheck: "false" }); // prettier-ignore
  const submit = (event: Event) => {
    event.preventDefault();
    const asked = words.value.trim();
    if (!asked) return;
    location.hash = data.placeOf(asked) >= 0 ? unitLink(asked) : unitsLink({ q: asked });
    words.blur();
    words.value = "";
  };
  return h(
    "header.top", {},
    h("a.skip", { href: "#content", onclick: skip }, "Skip to the content"),
    h("a.home", { href: "#/" }, h("i", { "aria-hidden": "true" }), h("span", {}, network.study)),
    h("form.find", { role: "search", "aria-label": "All units", onsubmit: submit }, words, h("kbd", { "aria-hidden": "true" }, "/")),
    look(),
    h("button.icon", { type: "button", "aria-label": "Keys", title: "Keys (?)", onclick: keys }, "?"),
  ); // prettier-ignore
}

function skip(event: Event): void {
  event.preventDefault(); // the address is the page
  const main = document.querySelector<HTMLElement>("main h1");
  main?.setAttribute("tabindex", "-1");
  main?.focus();
}

function look(): HTMLElement {
  const now = () => (localStorage.getItem(LOOK) as (typeof LOOKS)[number] | null) ?? "auto";
  const button = h("button.icon", { type: "button", onclick: () => {
    localStorage.setItem(LOOK, LOOKS[(LOOKS.indexOf(now()) + 1) % LOOKS.length]!);
    apply();
  } }); // prettier-ignore
  const apply = () => {
    document.documentElement.dataset["look"] = now();
    button.textContent = { auto: "◐", light: "○", dark: "●" }[now()];
    button.setAttribute("aria-label", `Look: ${now()}`);
    button.title = `Look: ${now()}`;
  };
  apply();
  return button;
}

const KEYS: [string, string][] = [
  ["/", "find units"],
  ["← →", "the unit before, the unit after"],
  ["1 2 3 4", "whole image, crop, heatmap, spotlight"],
  ["g", "back to the grid"],
  ["↓, then arrows", "walk through a grid; Enter opens"],
  ["r", "any unit"],
  ["o", "overview"],
];

export function keys(): void {
  const dialog = h("dialog.keys", { "aria-label": "Keys" });
  dialog.append(
    h("h2", {}, "Keys"),
    h("dl", {}, KEYS.flatMap(([key, does]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, does)])),
    h("button.close", { type: "button", onclick: () => dialog.close() }, "Close"),
  ); // prettier-ignore
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
