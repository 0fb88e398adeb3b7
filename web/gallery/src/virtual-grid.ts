/** A grid of any number of cells, of which only those near the window are in the page. The page itself scrolls. */

import { h } from "./dom";

export interface CellSize {
  width: number; // px, least: cells grow until they fill the row
  caption: number; // height below the square
  gap: number;
}

/** Windows above and below the shown one that are filled as well, so that a fast scroll meets no blank row. */
const AHEAD = 1.5;

export class VirtualGrid {
  readonly element = h("div.grid", { role: "list" });
  #rows = new Map<number, HTMLElement>();
  #columns = 1;
  #focused = -1;
  readonly #watch = new ResizeObserver(() => {
    if (this.element.clientWidth !== this.#room && !matchMedia("print").matches) this.#layout();
  });
  readonly #scroll = () => this.#fill();
  // paper shows every row
  readonly #print = () => this.#fill(Infinity);
  #size: CellSize;
  #count = 0;
  #room = 0; // width of the grid
  #width = 0; // of a cell, as it is
  readonly #cell: (place: number, width: number) => HTMLElement;

  constructor(size: CellSize, cell: (place: number, width: number) => HTMLElement) {
    this.#size = size;
    this.#cell = cell;
    this.element.addEventListener("keydown", (event) => this.#move(event));
    this.element.addEventListener("focusin", (event) => {
      const at = (event.target as HTMLElement).closest<HTMLElement>("[data-place]");
      if (at) this.#focused = Number(at.dataset["place"]);
    });
    addEventListener("scroll", this.#scroll, { passive: true });
    addEventListener("beforeprint", this.#print);
    addEventListener("afterprint", this.#scroll);
    this.#watch.observe(this.element);
  }

  /** Show so many cells, of this size if given. */
  show(count: number, size: CellSize = this.#size): void {
    this.#count = count;
    this.#size = size;
    this.#layout();
  }

  destroy(): void {
    removeEventListener("scroll", this.#scroll);
    removeEventListener("beforeprint", this.#print);
    removeEventListener("afterprint", this.#scroll);
    this.#watch.disconnect();
  }

  /** Give a cell the focus, and bring it into view. */
  focus(place: number, scroll = true): void {
    const row = Math.floor(place / this.#columns);
    const top = this.element.getBoundingClientRect().top + scrollY + row * this.#pitch;
    const margin = 120; // what sticks to the top
    const below = top + this.#pitch - innerHeight;
    if (scroll && top < scrollY + margin) scrollTo({ top: top - margin });
    else if (scroll && below > scrollY) scrollTo({ top: below });
    this.#fill();
    this.element.querySelector<HTMLElement>(`[data-place="${place}"]`)?.focus({ preventScroll: true });
  }

  get #pitch(): number {
    return this.#width + this.#size.caption + this.#size.gap;
  }

  #layout(): void {
    const { width, gap } = this.#size;
    const room = this.element.clientWidth;
    if (!room) return; // not in the page yet
    this.#room = room;
    const hasFocus = this.element.contains(document.activeElement);
    this.#columns = Math.max(1, Math.floor((room + gap) / (width + gap)));
    this.#width = Math.floor((room - gap * (this.#columns - 1)) / this.#columns);
    const rows = Math.ceil(this.#count / this.#columns);
    this.element.style.height = `${Math.max(0, rows * this.#pitch - gap)}px`;
    this.element.style.setProperty("--gap", `${gap}px`);
    for (const row of this.#rows.values()) row.remove();
    this.#rows.clear();
    this.#fill();
    if (hasFocus && this.#focused < this.#count) this.focus(this.#focused);
  }

  #fill(ahead = AHEAD * innerHeight): void {
    const top = -this.element.getBoundingClientRect().top;
    const last = Math.ceil(this.#count / this.#columns) - 1;
    const from = Math.max(0, Math.floor((top - ahead) / this.#pitch));
    const to = Math.min(last, Math.floor((top + innerHeight + ahead) / this.#pitch));
    for (const [number, row] of this.#rows) {
      const hasFocus = row.contains(document.activeElement);
      if ((number < from || number > to) && !hasFocus) {
        row.remove();
        this.#rows.delete(number);
      }
    }
    let next: HTMLElement | null = null; // rows stand in their order, for Tab and readers
    for (let number = to; number >= from; number--) {
      const held = this.#rows.get(number);
      const row = held ?? this.#row(number);
      if (!held) this.element.insertBefore(row, next);
      next = row;
    }
  }

  #row(number: number): HTMLElement {
    const row = h("div.row", { role: "presentation" });
    row.style.transform = `translateY(${number * this.#pitch}px)`;
    row.style.height = `${this.#pitch - this.#size.gap}px`;
    const from = number * this.#columns;
    for (let place = from; place < Math.min(from + this.#columns, this.#count); place++) {
      const cell = this.#cell(place, this.#width);
      cell.dataset["place"] = String(place);
      row.append(h("div.item", { role: "listitem", "aria-setsize": this.#count, "aria-posinset": place + 1 }, cell));
    }
    this.#rows.set(number, row);
    return row;
  }

  #move(event: KeyboardEvent): void {
    const by = {
      ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.#columns, ArrowUp: -this.#columns, Home: -this.#count,
      End: this.#count,
    }[event.key]; // prettier-ignore
    if (by === undefined || this.#focused < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.focus(Math.min(Math.max(this.#focused + by, 0), this.#count - 1));
  }
}
