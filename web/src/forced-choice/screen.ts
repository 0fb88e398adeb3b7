/** The screen of a trial: references at the sides, two queries at the centre, three buttons at each. */

import { fitText } from "../fitting";
import { arrange, columnsOf, smallestOf, type Layout } from "../geometry";
import type { Side, Words } from "./info";

export interface Shown {
  query_top: string;
  query_bottom: string;
  references_left: string[];
  references_right: string[];
  words: Words;
  keys: Record<Side, string[]>;
  min_px?: number; // images smaller than this are not shown
}

export class Screen {
  readonly root: HTMLElement;
  readonly images: HTMLImageElement[];
  layout!: Layout;
  /** Told when the window becomes too small for the images while they are shown, and when it is large enough again. */
  onCover: (covered: boolean) => void = () => undefined;
  private hinted = true;
  private onRoom: () => void = () => undefined;
  private readonly stage: HTMLElement;
  private readonly question: HTMLElement;
  private readonly hint: HTMLElement;
  private readonly status: HTMLElement;
  private readonly covering = element("div", { class: "covering", role: "alert" });
  private readonly resized = new ResizeObserver(() => this.layOut());

  constructor(
    private readonly parent: HTMLElement,
    private readonly shown: Shown,
    choose: (side: Side, confidence: number, event: Event) => void,
  ) {
    const { words } = shown;
    this.question = element("h1", { class: "question" }, [words.question]);
    this.hint = element("p", { class: "hint" }, [words.hint]);
    this.status = element("p", { class: "visually-hidden", role: "status" });
    const more = element("p", { class: "more", "aria-hidden": "true" }, [words.more_confident]);
    this.stage = element("div", { class: "stage" }, [
      panel("left", words.title_left, words.reference_left, shown.references_left),
      element("div", { class: "queries" }, [this.query("top", choose), more, this.query("bottom", choose)]),
      panel("right", words.title_right, words.reference_right, shown.references_right),
    ]);
    this.root = element("section", { class: "trial", "data-state": "loading", tabindex: "-1" }, [
      this.question,
      this.stage,
      this.hint,
      this.status,
      this.covering,
    ]);
    parent.replaceChildren(this.root);
    this.images = [...this.root.querySelectorAll("img")];
    this.layOut();
    this.resized.observe(this.root);
  }

  /** Whether an image would be smaller than it may be shown. */
  get isTooSmall(): boolean {
    return this.smallest < (this.shown.min_px ?? 0);
  }

  /**
   * Wait until every image can be painted at once and the window is large enough, then show all in one frame; gives
   * that frame's time.
   */
  async open(): Promise<number> {
    await Promise.all(this.images.map((image) => image.decode()));
    this.layOut(); // now that the images' own size is known
    while (this.isTooSmall) await new Promise<void>((resolve) => (this.onRoom = resolve));
    return new Promise((resolve) => {
      requestAnimationFrame((now) => {
        this.root.dataset.state = "open";
        this.root.focus({ preventScroll: true });
        resolve(now);
      });
    });
  }

  /** The black frame; no button can be pressed any more. */
  markChosen(side: Side): void {
    this.root.dataset.state = "answered";
    for (const button of this.root.querySelectorAll("button")) button.disabled = true;
    this.queryOf(side).dataset.chosen = "";
  }

  /** Show how a trial looks, for the instructions: nothing can be pressed. */
  demonstrate(marks: { chosen: Side; solution: Side } | null): void {
    this.hinted = false;
    void this.open().then(() => {
      for (const button of this.root.querySelectorAll("button")) button.disabled = true;
      this.root.dataset.state = marks ? "judged" : "shown";
      if (marks) this.queryOf(marks.chosen).dataset.chosen = "";
      if (marks) this.queryOf(marks.solution).dataset.solution = "";
    });
  }

  /** Say that the answer is on its way. */
  markSaving(): void {
    this.root.dataset.saving = "";
    this.status.textContent = this.shown.words.saving;
    this.hint.textContent = this.shown.words.saving;
  }

  /** The green frame. */
  markSolution(side: Side): void {
    this.root.dataset.state = "judged";
    delete this.root.dataset.saving;
    this.hint.textContent = "";
    this.queryOf(side).dataset.solution = "";
    this.status.textContent = side === "top" ? this.shown.words.solution_top : this.shown.words.solution_bottom;
  }

  press(side: Side, confidence: number): void {
    this.queryOf(side).querySelector<HTMLButtonElement>(`[data-confidence="${confidence}"]`)!.click();
  }

  close(): void {
    this.resized.disconnect();
    this.parent.replaceChildren();
  }

  private queryOf(side: Side): HTMLElement {
    return this.root.querySelector<HTMLElement>(`.query[data-side="${side}"]`)!;
  }

  private query(side: Side, choose: (side: Side, confidence: number, event: Event) => void): HTMLElement {
    const { words, keys } = this.shown;
    const top = side === "top";
    const image = element("img", { src: top ? this.shown.query_top : this.shown.query_bottom });
    image.alt = top ? words.query_top : words.query_bottom;
    image.draggable = false;
    const buttons = [1, 2, 3].map((confidence) => {
      const label = (top ? words.choose_top : words.choose_bottom).replace("{n}", String(confidence));
      const button = element("button", { type: "button", class: "confidence", "aria-label": label }, [String(confidence)]);
      button.dataset.confidence = String(confidence);
      button.dataset.key = letter(keys[side][confidence - 1] ?? "");
      button.addEventListener("click", (event) => choose(side, confidence, event));
      return button;
    });
    // A click on the image itself says nothing about confidence; it leads to the buttons.
    image.addEventListener("click", () => buttons[0]?.focus());
    const row = element("div", { class: "confidences", role: "group" }, buttons);
    row.setAttribute("aria-label", image.alt);
    const frame = element("div", { class: "frame" }, [image]);
    return element("div", { class: "query", "data-side": side }, top ? [frame, row] : [row, frame]);
  }

  /** Give every part its place: from the room of the whole screen, whatever the words are. */
  private layOut(): void {
    const { root } = this;
    const style = getComputedStyle(root);
    const inner = (whole: number, ...paddings: string[]) => whole - paddings.reduce((sum, px) => sum + parseFloat(px), 0);
    const box = {
      width: inner(root.clientWidth, style.paddingLeft, style.paddingRight),
      height: inner(root.clientHeight, style.paddingTop, style.paddingBottom),
      rem: parseFloat(getComputedStyle(document.documentElement).fontSize),
      portrait: window.innerWidth < window.innerHeight,
    };
    const stimuli = { references: this.references, natural: this.images[0]?.naturalWidth || Infinity };
    const layout = arrange(box, stimuli, window.devicePixelRatio, this.hinted);
    this.layout = layout;
    root.toggleAttribute("data-portrait", layout.portrait);
    const { question, question_upright } = this.shown.words;
    const asked = layout.portrait ? question_upright : question;
    if (this.question.textContent !== asked) this.question.textContent = asked;
    root.toggleAttribute("data-alone", this.references === 0);
    for (const part of PARTS) root.style.setProperty(`--${part}`, `${layout[part]}px`);
    fitText(root.querySelectorAll<HTMLElement>(".question, .panel h2, .more, .hint"));
    this.cover();
  }

  /** Hide the images while the window is too small for them, and say so. */
  private cover(): void {
    const covered = this.isTooSmall;
    const { words, min_px = 0 } = this.shown;
    const changed = this.root.hasAttribute("data-covered") !== covered;
    this.root.toggleAttribute("data-covered", covered);
    const size = words.small_size.replace("{px}", String(Math.floor(this.smallest))).replace("{min}", String(min_px));
    const said = [
      element("h1", {}, [words.small_title]),
      element("p", { class: "size" }, [size]),
      ...words.small_text.split(/\n\s*\n/).map((paragraph) => element("p", {}, [paragraph])),
    ];
    this.covering.replaceChildren(...(covered ? said : []));
    if (!changed) return;
    this.onCover(covered);
    if (!covered) this.onRoom();
  }

  private get references(): number {
    return Math.max(this.shown.references_left.length, this.shown.references_right.length);
  }

  private get smallest(): number {
    return smallestOf(this.layout, this.references);
  }
}

const PARTS = [
  "question", "hint", "title", "choices", "middle", "gap", "centre", "above", "query", "reference",
] as const;

function panel(place: "left" | "right", title: string, alt: string, sources: string[]): HTMLElement {
  const holder = element("section", { class: "panel", "data-place": place });
  if (sources.length === 0) return holder;
  const grid = element("div", { class: "grid" });
  holder.style.setProperty("--columns", String(columnsOf(sources.length)));
  for (const [i, source] of sources.entries()) {
    const image = element("img", { src: source });
    image.alt = alt.replace("{n}", String(i + 1));
    image.draggable = false;
    grid.append(image);
  }
  holder.append(element("h2", {}, [title]), grid);
  return holder;
}

/** The letter on a key, from its code: KeyQ → Q, Digit1 → 1. */
function letter(code: string): string {
  return code.replace(/^(Key|Digit|Numpad)/, "");
}

function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  children: (Node | string)[] = [],
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
