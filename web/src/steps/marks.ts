/** Numbers at the parts of a worked example that the remarks are about, and arrows from the references to the queries. */

import type { Side } from "../forced-choice/info";

export type Place = "right" | "left" | "queries";

interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

const SVG = "http://www.w3.org/2000/svg";
// CSS pixels
const CLEAR = 6; // between an arrow and what it joins
const PAST = 24; // between the column of the queries and an arrow that passes them
const HEAD = 14;

export class Marks {
  private readonly layer = document.createElementNS(SVG, "svg");
  private readonly resized = new ResizeObserver(() => this.draw());

  /** `places` are those of the remarks, in their order; with a `solution` there are arrows. */
  constructor(
    private readonly parent: HTMLElement,
    private readonly places: readonly Place[],
    private readonly solution: Side | null,
  ) {
    this.layer.setAttribute("class", "marks");
    this.layer.setAttribute("aria-hidden", "true");
    parent.append(this.layer);
    for (const part of [parent, ...parent.querySelectorAll(".panel, .queries")]) this.resized.observe(part);
  }

  close(): void {
    this.resized.disconnect();
    this.layer.remove();
  }

  private draw(): void {
    this.layer.replaceChildren();
    for (const [n, place] of this.places.entries()) {
      const box = this.boxOf(place === "queries" ? this.queries : `.panel[data-place="${place}"] .grid`);
      if (box) this.number(n + 1, place, box);
    }
    if (this.solution === null) return;
    const other = this.solution === "top" ? "bottom" : "top";
    this.arrow("right", this.solution, "alike");
    this.arrow("left", other, "unlike");
  }

  /** What the remark about the queries is about: both of them, or the correct one. */
  private get queries(): string {
    return this.solution === null ? ".queries" : `.query[data-side="${this.solution}"] .frame`;
  }

  private boxOf(selector: string): Box | null {
    const found = this.parent.querySelector(selector)?.getBoundingClientRect();
    if (!found || found.width === 0) return null;
    const { left, top } = this.parent.getBoundingClientRect();
    return { left: found.left - left, top: found.top - top, right: found.right - left, bottom: found.bottom - top };
  }

  /** At the upper corner that is farther from the queries: the inner ones are where arrows are. */
  private number(n: number, place: Place, box: Box): void {
    const x = place === "right" ? box.right : box.left;
    const group = shape("g", { class: "number", "data-place": place, transform: `translate(${x} ${box.top})` });
    const text = shape("text", { y: "0.35em" });
    text.textContent = String(n);
    group.append(shape("circle", { r: "0.8em" }), text);
    this.layer.append(group);
  }

  private arrow(panel: "left" | "right", query: Side, kind: string): void {
    const from = this.boxOf(`.panel[data-place="${panel}"] .grid`);
    const to = this.boxOf(`.query[data-side="${query}"] .frame`);
    const column = this.boxOf(".queries");
    if (!from || !to || !column) return;
    const points = way(from, to, column, panel);
    const [before, end] = points.slice(-2) as [Point, Point];
    const [dx, dy] = [end[0] - before[0], end[1] - before[1]];
    const length = Math.hypot(dx, dy) || 1;
    const [ux, uy] = [dx / length, dy / length];
    const head = Math.min(HEAD, 0.8 * length);
    const base: Point = [end[0] - ux * head, end[1] - uy * head];
    const wings = [1, -1].map((side): Point => [base[0] - uy * head * 0.6 * side, base[1] + ux * head * 0.6 * side]);
    const group = shape("g", { class: `arrow ${kind}` });
    group.append(
      shape("polyline", { points: [...points.slice(0, -1), base].join(" ") }),
      shape("polygon", { points: [end, ...wings].join(" ") }),
    );
    this.layer.append(group);
  }
}

type Point = [number, number];

/**
 * From references to a query without crossing anything: straight where they are beside each other; where the references
 * are above, down past the column of the queries and in from there.
 */
export function way(from: Box, to: Box, column: Box, panel: "left" | "right"): Point[] {
  if (from.right < to.left || to.right < from.left) {
    const [x1, x2] = nearest(from.left, from.right, to.left, to.right);
    const [y1, y2] = nearest(from.top, from.bottom, to.top, to.bottom);
    return [[x1, y1], [x2, y2]];
  }
  const middle = (to.top + to.bottom) / 2;
  const [edge, past, out] = panel === "right" ? [to.right, column.right, 1] : [to.left, column.left, -1];
  const x = past + out * PAST;
  return [[x, from.bottom + CLEAR], [x, middle], [edge + out * CLEAR, middle]];
}

/** The nearest points of two intervals, a little apart from both; in the middle of what they share, if they overlap. */
function nearest(a: number, b: number, c: number, d: number): Point {
  if (b < c) return [b + CLEAR, c - CLEAR];
  if (d < a) return [a - CLEAR, d + CLEAR];
  const middle = (Math.max(a, c) + Math.min(b, d)) / 2;
  return [middle, middle];
}

function shape(tag: string, attributes: Record<string, string>): SVGElement {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
