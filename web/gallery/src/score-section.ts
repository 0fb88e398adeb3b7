/** How well machines tell what a unit responds to, by its pictures, beside its nulls. */

import type { Context } from "./context";
import type { ScoreRow, UnitDetails, View } from "./contract";
import { h, s } from "./dom";
import { label, percent } from "./numbers";

const WIDE = 150;
const HIGH = 30;

export function scoreSection(context: Context, unit: UnitDetails): HTMLElement | null {
  const { network } = context;
  if (!unit.scores.length) return null;
  const difficulties = unique(network.views.map((view) => view.difficulty));
  const references = unique(network.views.map((view) => view.references));
  const lines = unique(network.views.map((view) => JSON.stringify([view.method, view.observer, view.references])));
  const low = Math.max(0, Math.floor(10 * Math.min(0.4, ...unit.scores.map((row) => row[2] ?? 1))) / 10);
  const body = lines.map((line) => {
    const [method, observer, of] = JSON.parse(line) as [string, string, number];
    const cells = difficulties.map((difficulty) => {
      const number = network.views.findIndex((view) => same(view, method, observer, of, difficulty));
      const rows = unit.scores.filter((row) => row[0] === number);
      return h("td", {}, rows.length ? dots(context, rows, low) : "—");
    });
    if (cells.every((cell) => cell.textContent === "—")) return null;
    return h("tr", {}, h("th", { scope: "row" }, label(method), h("small", {}, `by ${label(observer)}`,
      references.length > 1 ? `, ${of} references` : "")), cells); // prettier-ignore
  });
  return h(
    "section", { "aria-labelledby": "scores" },
    h("h2", { id: "scores" }, "Scores"),
    h("p.note", {},
      "Share of forced choices that a machine gets right when it compares two images with the pictures of a method, with ",
      "95 % intervals over the unit’s tasks; the dashed line is chance. ",
      network.nulls.length > 0 && "Nulls: ",
      network.nulls.filter((name) => name !== "directions").map((name) =>
        h("span.key", {}, h(`i.n${network.nulls.indexOf(name)}`), name))),
    h("div.scroll", { tabindex: 0, role: "region", "aria-label": "Table of scores" },
      h("table.scores", {},
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "pictures"),
          difficulties.map((difficulty) => h("th", { scope: "col" }, difficulty)))),
        h("tbody", {}, body))),
  ); // prettier-ignore
}

function same(view: View, method: string, observer: string, references: number, difficulty: string): boolean {
  return (
    view.method === method && view.observer === observer && view.references === references &&
    view.difficulty === difficulty
  ); // prettier-ignore
}

function unique<T>(values: T[]): T[] {
  return [...new Set(values)];
}

function dots({ network }: Context, rows: ScoreRow[], low: number): HTMLElement {
  const own = rows.find((row) => row[1] < 0);
  const x = (share: number) => 6 + ((share - low) / (1 - low)) * (WIDE - 12);
  const nulls = rows.filter((row) => row[1] >= 0);
  const said = [
    own ? `${percent(own[2])}, ${own[6]} tasks` : "",
    ...nulls.map((row) => `${network.nulls[row[1]]} ${percent(row[2])}`),
  ].filter(Boolean).join("; "); // prettier-ignore
  return h(
    "div.dots", {},
    s("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": said }, s("title", {}, said),
      s("line.base", { x1: x(low), x2: x(1), y1: 20, y2: 20 }),
      s("line.chance", { x1: x(0.5), x2: x(0.5), y1: 2, y2: 27 }),
      nulls.map((row) => row[2] !== null && s(`circle.null.n${row[1]}`, { cx: x(row[2]), cy: 20, r: 3.4 })),
      own && own[3] !== null && own[4] !== null && s("line.interval", { x1: x(own[3]), x2: x(own[4]), y1: 10, y2: 10 }),
      own && own[2] !== null && s("circle.own", { cx: x(own[2]), cy: 10, r: 4.2 })),
    h("b", {}, percent(own?.[2])),
  ); // prettier-ignore
}
