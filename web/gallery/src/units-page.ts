/** The grid of units: search, filters, order, and any number of units. */

import { CAPTION, cell, DENSITIES, type Density } from "./cell";
import type { Context, Page } from "./context";
import type { Network } from "./contract";
import { h } from "./dom";
import { count } from "./numbers";
import { unitsLink } from "./route";
import { address, asked, FLAGS, found, SORTS, type Question, type UnitRow } from "./unit-table";
import { viewChooser } from "./views";
import { VirtualGrid, type CellSize } from "./virtual-grid";

const SORT_NAMES: Record<(typeof SORTS)[number], string> = {
  layer: "Place in the network",
  best: "Highest score",
  worst: "Lowest score",
  people: "People’s accuracy, lowest first",
  disagreement: "People and machine disagree",
  selective: "Selectivity",
  rare: "Rarest first",
};
const FLAG_NAMES: Record<(typeof FLAGS)[number], string> = {
  "": "All units",
  live: "Neither dead nor rare",
  dead: "Dead",
  rare: "Rare",
  studied: "In the study",
  answered: "Judged by people",
};
const DENSITY = "exemplum.gallery.density";

export async function unitsPage(context: Context, parameters: URLSearchParams): Promise<Page> {
  const { network } = context;
  let question = asked(parameters, network.views.length);
  let density = DENSITIES[Number(localStorage.getItem(DENSITY) ?? 1)] ?? DENSITIES[1]!;
  let units: UnitRow[] = [];
  let shown: UnitRow[] = [];

  const layers = () => {
    const number = network.layers.findIndex((layer) => layer.name === question.layer);
    return number < 0 ? network.layers.map((_, each) => each) : [number];
  };
  const told = h("p.told", { role: "status" });
  const nothing = h("p.nothing", { hidden: true }, "No unit is like that. ", h("a", { href: unitsLink() }, "Show all"));
  const grid = new VirtualGrid(cellSize(density), (place, width) =>
    cell(shown[place]!, question, density.images, width, context),
  );
  const update = (changes: Partial<Question> = {}, replace = true) => {
    question = { ...question, ...changes };
    const to = unitsLink(address(question));
    if (replace) history.replaceState(history.state, "", to);
    shown = found(units, question, network);
    told.textContent = `${count(shown.length, "unit")}${shown.length < units.length ? ` of ${units.length.toLocaleString("en")}` : ""}`;
    nothing.hidden = shown.length > 0;
    grid.show(shown.length, cellSize(density));
    context.walked = shown.map((unit) => unit.place);
    context.back = to;
  };
  grid.element.setAttribute("aria-busy", "true");
  void context.pictures.ready().then(() => grid.element.removeAttribute("aria-busy"));
  units = await context.units(layers());

  const title = question.layer || "All units";
  const element = h(
    "main.page.wide", {},
    heading(context, question, title),
    toolbar(context, question, update),
    h("div.over-grid", {}, told, densities(density, (chosen) => {
      density = chosen;
      localStorage.setItem(DENSITY, String(DENSITIES.indexOf(chosen)));
      update();
    })),
    nothing, grid.element,
  ); // prettier-ignore
  return {
    title,
    element,
    enter: () => update({}, false),
    returned: (unit, scroll) => {
      const at = shown.findIndex((each) => each.place === unit);
      if (at >= 0) grid.focus(at, scroll);
    },
    leave: () => grid.destroy(),
    key: (event) => {
      if (event.key !== "ArrowDown" && event.key !== "Enter") return false;
      if (!shown.length || document.activeElement !== document.body) return false;
      grid.focus(0);
      return true;
    },
  };
}

function cellSize(density: Density): CellSize {
  return { width: density.width, caption: CAPTION, gap: density.images === 1 ? 10 : 16 };
}

function heading(context: Context, question: Question, title: string): HTMLElement {
  const tabs = context.network.layers.map((layer) =>
    h(
      "a", {
        href: unitsLink(address({ ...question, layer: layer.name, branch: "" })),
        "aria-current": layer.name === question.layer ? "page" : undefined,
      },
      layer.name, h("small", {}, layer.units.toLocaleString("en")),
    ),
  ); // prettier-ignore
  const all = h(
    "a", {
      href: unitsLink(address({ ...question, layer: "", branch: "" })),
      "aria-current": question.layer ? undefined : "page",
    },
    "All",
  ); // prettier-ignore
  return h(
    "div.heading", {},
    h("h1", {}, title),
    h("nav.tabs", { "aria-label": "Layers" }, context.network.layers.length > 1 && all, tabs),
  ); // prettier-ignore
}

function toolbar(
  context: Context, question: Question, update: (changes: Partial<Question>) => void,
): HTMLElement {
  const { network } = context;
  const layer = network.layers.find((each) => each.name === question.layer);
  const liked = mostLiked(network);
  const examples = [liked[0], network.branches[1], ":17"].filter(Boolean);
  const branches = layer ? Object.keys(layer.branches) : network.branches;
  const words = h("input", {
    type: "search", id: "search-here", value: question.words, placeholder: `${examples.join(", ")} …`,
    oninput: () => update({ words: words.value }), autocomplete: "off", list: "labels",
  }); // prettier-ignore
  return h(
    "form.toolbar", { role: "search", "aria-label": "Units", onsubmit: (event: Event) => event.preventDefault() },
    h("label.field.grow", {}, h("span", {}, liked.length ? "Name, or what it likes" : "Name"), words),
    h("datalist", { id: "labels" }, liked.slice(0, MOST_OPTIONS).map((value) => h("option", { value }))),
    chooser("Order", sorts(context), question.sort, (sort) => update({ sort })),
    viewChooser(network, question.view, (view) => update({ view })),
    network.views.length > 0 && range(question, update),
    branches.length > 1 &&
      chooser("Branch", [["", "All"], ...branches.map((name): [string, string] => [name, name])], question.branch,
        (branch) => update({ branch })),
    chooser("Show", flags(context), question.flag, (flag) => update({ flag })),
    network.methods.length > 0 &&
      chooser("Pictures by", [["", "Any method"], ...network.methods.map((name): [string, string] => [name, name])],
        question.method, (method) => update({ method })),
  ); // prettier-ignore
}

function densities(now: Density, onChoice: (density: Density) => void): HTMLElement {
  const buttons = DENSITIES.map((density) =>
    h("button", {
      type: "button", "aria-pressed": String(density === now), onclick: () => {
        buttons.forEach((button, at) => button.setAttribute("aria-pressed", String(DENSITIES[at] === density)));
        onChoice(density);
      },
    }, density.name),
  ); // prettier-ignore
  return h("div.modes", { role: "group", "aria-label": "Size" }, buttons);
}

function sorts({ network }: Context): [Question["sort"], string][] {
  const has = {
    layer: true, best: network.views.length > 0, worst: network.views.length > 0, people: network.hasPeople,
    disagreement: network.hasPeople, selective: true, rare: true,
  }; // prettier-ignore
  return SORTS.filter((sort) => has[sort]).map((sort) => [sort, SORT_NAMES[sort]]);
}

function flags({ network }: Context): [Question["flag"], string][] {
  const some = (key: "dead" | "rare") => network.layers.some((layer) => layer[key] > 0);
  const has = {
    "": true, live: some("dead") || some("rare"), dead: some("dead"), rare: some("rare"),
    studied: network.methods.length > 0 || network.hasTrials, answered: network.hasPeople,
  }; // prettier-ignore
  return FLAGS.filter((flag) => has[flag]).map((flag) => [flag, FLAG_NAMES[flag]]);
}

function chooser<T extends string>(
  name: string, options: [T, string][], chosen: T, onChoice: (value: T) => void,
): HTMLElement {
  const made = options.map(([value, text]) => h("option", { value, selected: value === chosen }, text));
  const select = h("select", { onchange: () => onChoice(select.value as T) }, made);
  return h("label.field", {}, h("span", {}, name), select);
}

/** Two ends of the score. */
function range(question: Question, update: (changes: Partial<Question>) => void): HTMLElement {
  const end = (name: string, value: number, change: (value: number) => Partial<Question>) => {
    const input = h("input", {
      type: "number", min: 0, max: 1, step: 0.05, value, "aria-label": name,
      onchange: () => update(change(Math.min(1, Math.max(0, Number(input.value) || 0)))),
    }); // prettier-ignore
    return input;
  };
  return h(
    "fieldset.field", {}, h("legend", {}, "Score from, to"),
    end("Lowest score", question.low, (low) => ({ low })), end("Highest score", question.high, (high) => ({ high })),
  ); // prettier-ignore
}

const MOST_OPTIONS = 300;

/** What can be searched for, most liked first. */
function mostLiked(network: Network): string[] {
  return network.labels.filter(([, , fans]) => fans).sort((a, b) => b[2] - a[2]).map(([, value]) => value);
}
