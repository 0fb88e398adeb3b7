/** The first page: the network at a glance, layer by layer, and ways in. */

import type { Context, Page } from "./context";
import type { LayerFacts, LayerScores } from "./contract";
import { h, s } from "./dom";
import { count, label, percent, words } from "./numbers";
import { unitLink, unitsLink } from "./route";
import { viewChooser, viewName } from "./views";

const MOST_LABELS = 48;
const OPEN = 3; // kinds of label that are shown at once
const VIEW = "exemplum.gallery.view";
export const BRANCH_COLOURS = ["var(--b0)", "var(--b1)", "var(--b2)", "var(--b3)", "var(--b4)", "var(--b5)"];

export function overview(context: Context): Page {
  const { network } = context;
  let view = Math.min(Number(sessionStorage.getItem(VIEW) ?? 0), Math.max(0, network.views.length - 1)) || 0;
  const list = h(network.views.length ? "ol.layers" : "ol.layers.unscored");
  const fill = () => {
    const low = lowest(network.layers, view);
    list.replaceChildren(...network.layers.map((layer) => layerRow(context, layer, view, low)));
  };
  fill();
  const chooser = viewChooser(network, view, (chosen) => {
    view = chosen;
    sessionStorage.setItem(VIEW, String(view));
    fill();
  });
  const element = h(
    "main.page", {},
    h("header.hero", {},
      h("p.kicker", {}, "Gallery"),
      h("h1", {}, `Units of ${network.network}`),
      h("p.lead", {},
        `${count(context.count, "unit")} in ${count(network.layers.length, "layer")}, each by the images that activate it, `,
        `over ${count(network.count, "image")} (${network.images}).`),
      ways(context)),
    network.notice && h("p.notice", {}, network.notice),
    h("section", { "aria-labelledby": "layers" },
      h("div.section-head", {}, h("h2", { id: "layers" }, "Layers"), chooser),
      list, legend(context)),
    liked(context),
    made(context),
  ); // prettier-ignore
  return { title: network.network, element };
}

function ways(context: Context): HTMLElement {
  const { network } = context;
  const way = (text: string, href: string) => h("a.way", { href }, text);
  const some = (key: "dead" | "rare") => network.layers.some((layer) => layer[key] > 0);
  return h(
    "nav.ways", { "aria-label": "Ways in" },
    way("All units", unitsLink()),
    network.views.length > 0 && way("Highest scores", unitsLink({ sort: "best" })),
    network.views.length > 0 && way("Lowest scores", unitsLink({ sort: "worst" })),
    network.hasPeople && way("People and machine disagree", unitsLink({ sort: "disagreement", show: "answered" })),
    network.methods.length > 0 && way("In the study", unitsLink({ show: "studied" })),
    some("dead") && way("Dead", unitsLink({ show: "dead" })),
    some("rare") && way("Rare", unitsLink({ show: "rare" })),
    h("button.way", {
      type: "button",
      onclick: () => { location.hash = unitLink(context.anyUnit()); },
    }, "Any unit"),
  ); // prettier-ignore
}

function layerRow(context: Context, layer: LayerFacts, view: number, low: number): HTMLElement {
  const scores = layer.scores.find((each) => each.view === view);
  const facts = [
    count(layer.units, "unit"),
    layer.isDictionary ? `dictionary of ${layer.readFrom}` : "",
    layer.dead ? `${layer.dead} dead` : "",
    layer.rare ? `${layer.rare} rare` : "",
  ].filter(Boolean); // prettier-ignore
  return h(
    "li.layer", {},
    h("div.layer-name", {},
      h("h3", {}, h("a", { href: unitsLink({ layer: layer.name }) }, layer.name)),
      h("p", {}, facts.join(" · ")), branches(context, layer)),
    faces(context, layer),
    h("div.layer-score", {}, scores ? distribution(context, scores, low) : null),
  ); // prettier-ignore
}

const FACE = 56; // px
const FACE_GAP = 3;

/** Some units of a layer, evenly spaced: as many as have room. */
function faces(context: Context, layer: LayerFacts): HTMLElement {
  const links = layer.faces.map(([channel, image]) => {
    const name = `${layer.name}:${channel}`;
    return h("a", { href: unitLink(name), "aria-label": name, title: name }, context.pictures.thumb(image, FACE));
  });
  const row = h("div.faces", {}, links);
  new ResizeObserver(() => {
    const room = Math.max(1, Math.floor((row.clientWidth + FACE_GAP) / (FACE + FACE_GAP)));
    const shown = Math.min(room, links.length);
    // evenly spaced among all, however many have room
    const kept = new Set(Array.from({ length: shown }, (_, at) => Math.floor((at * links.length) / shown)));
    links.forEach((link, at) => (link.hidden = !kept.has(at)));
  }).observe(row);
  return row;
}

function branches({ network }: Context, layer: LayerFacts): HTMLElement | null {
  const parts = Object.entries(layer.branches);
  if (parts.length < 2) return null;
  const bar = h("div.branches", { role: "img",
    "aria-label": `Branches: ${parts.map(([name, units]) => `${name} ${units}`).join(", ")}` }); // prettier-ignore
  for (const [name, units] of parts) {
    const part = h("span", { title: `${name}: ${units} units` });
    part.style.flexGrow = String(units);
    part.style.background = BRANCH_COLOURS[network.branches.indexOf(name) % BRANCH_COLOURS.length]!;
    bar.append(part);
  }
  return bar;
}

/** The left end of all distributions of a view: a tenth below all that is drawn. */
function lowest(layers: LayerFacts[], view: number): number {
  const values = layers.flatMap((layer) =>
    layer.scores.filter((each) => each.view === view).flatMap((each) => [
      each.counts.findIndex((units) => units > 0) / (each.counts.length - 1),
      ...Object.values(each.nulls).map((spread) => spread.q05),
    ]),
  ); // prettier-ignore
  return Math.max(0, Math.floor(10 * Math.min(0.4, ...values)) / 10);
}

const WIDE = 280;
const HIGH = 46;

/** How the accuracies of a layer's units are distributed, above its nulls. */
function distribution({ network }: Context, scores: LayerScores, low: number): SVGElement {
  const bins = scores.counts.length - 1;
  const left = low - 0.5 / bins;
  const x = (share: number) => ((share - left) / (1 + 0.5 / bins - left)) * WIDE;
  const most = Math.max(...scores.counts);
  const nulls = Object.entries(scores.nulls);
  const said = [`mean accuracy ${percent(scores.mean, 1)}`, ...nulls.map(([name, each]) => `${name} ${percent(each.mean, 1)}`)];
  const height = HIGH + 7 * nulls.length + 4;
  return s(
    "svg.distribution", { viewBox: `0 0 ${WIDE} ${height}`, role: "img", "aria-label": said.join(", ") },
    s("title", {}, said.join(", ")),
    s("line.chance", { x1: x(0.5), x2: x(0.5), y1: 0, y2: height }),
    scores.counts.map((units, bin) => {
      const at = x((bin - 0.5) / bins);
      const tall = (units / most) * (HIGH - 4);
      return units > 0 && s("rect.units", { x: at + 0.5, width: WIDE / ((1 - left + 0.5 / bins) * bins) - 1,
        y: HIGH - tall, height: tall }); // prettier-ignore
    }),
    s("line.base", { x1: 0, x2: WIDE, y1: HIGH, y2: HIGH }),
    s("path.mean", { d: `M${x(scores.mean)} ${HIGH}l-4 6h8z` }),
    nulls.map(([name, each], row) => {
      const y = HIGH + 8 + 7 * row;
      const kind = network.nulls.indexOf(name);
      return [
        s(`line.null.n${kind}`, { x1: x(each.q05), x2: x(each.q95), y1: y, y2: y }),
        s(`circle.null.n${kind}`, { cx: x(each.mean), cy: y, r: 2.6 }),
      ];
    }).flat(),
  ); // prettier-ignore
}

function legend({ network }: Context): HTMLElement | null {
  if (!network.views.length) return null;
  return h(
    "p.legend", {},
    "Right: how many units reach which accuracy, from the left end to 100 %; the triangle is the mean, the dashed line chance. ",
    network.nulls.length > 0 && "Below, the middle 90 % and the mean of the nulls: ",
    network.nulls.map((name, kind) => h("span.key", {}, h(`i.n${kind}`), name)),
    network.branches.length > 1 && h("span.break", {}, "Branches: ",
      network.branches.map((name, number) => {
        const swatch = h("i.swatch");
        swatch.style.background = BRANCH_COLOURS[number % BRANCH_COLOURS.length]!;
        return h("span.key", {}, swatch, name);
      })),
  ); // prettier-ignore
}

/** What units like, most liked first, as ways into the grid. */
function liked({ network }: Context): HTMLElement | null {
  const kinds = new Map<string, [string, number][]>();
  for (const [key, value, fans] of network.labels) {
    if (fans) kinds.set(key, [...(kinds.get(key) ?? []), [value, fans]]);
  }
  if (!kinds.size) return null;
  const part = ([key, values]: [string, [string, number][]]) =>
    h("div.liked", {},
      h("h3", {}, label(key)),
      h("p.chips", {}, values.sort((a, b) => b[1] - a[1]).slice(0, MOST_LABELS).map(([value, fans]) =>
        h("a.chip", { href: unitsLink({ q: `${key}:${value}` }) }, words(value), h("small", {}, fans))))); // prettier-ignore
  const ordered = [...kinds].sort((a, b) => b[1].length - a[1].length);
  return h(
    "section", { "aria-labelledby": "liked" },
    h("h2", { id: "liked" }, "What units like"),
    h("p.note", {}, `Labels of the images that are at least twice as frequent among the ${network.likedTop} images that ` +
      "activate a unit most as among all images, and the number of units that like them."),
    ordered.slice(0, OPEN).map(part),
    ordered.length > OPEN && h("details", {}, h("summary", {}, `${ordered.length - OPEN} more kinds of label`),
      ordered.slice(OPEN).map(part)),
  ); // prettier-ignore
}

const OBJECTIVES: Record<string, string> = { channel: "spatial mean", neuron: "centre", max: "maximum", cls: "class token" };

function made({ network }: Context): HTMLElement {
  const how = [
    network.objective === "table" ? "Activation: what the table says."
      : `Activation: ${OBJECTIVES[network.objective] ?? network.objective} of the unit’s map, ${network.relu} the ReLU.`,
    network.exact ? "Percentiles are exact." : `Percentiles are of a random sample of ${network.sampled.toLocaleString("en")} images.`,
    network.views[0] ? `Scores are those of ${viewName(network.views[0], network.views)} unless another view is chosen; read them beside their nulls.` : "",
  ]; // prettier-ignore
  return h("footer.made", {}, h("p", {}, how.join(" ")), h("p", {}, `Made by Exemplum ${network.version}, ${network.made}.`));
}
