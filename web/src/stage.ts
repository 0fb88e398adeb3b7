/** Where everything is shown: jsPsych runs what a step gives it, inside the page's frame of progress and status. */

import { initJsPsych } from "jspsych";

import type { Progress } from "./contract";
import type { Simulation } from "./session";
import { say } from "./texts";
import { Watch } from "./watch";

const main = () => document.querySelector<HTMLElement>("#main")!;

let simulation: Simulation | null = null;

/** From here on every trial answers by itself. */
export function simulateWith(given: Simulation | null): void {
  simulation = given;
}

/** Whether buttons are pressed by the simulation. */
export function isSimulated(): boolean {
  return simulation !== null || passing > 0;
}

let passing = 0;
let onPage: (node: Node, passed: boolean) => void = () => undefined;

/** The preview shows a later page of a step: so many pages before it are turned at once, without being drawn. */
export function passPages(pages: number, told: typeof onPage = () => undefined): void {
  passing = pages;
  onPage = told;
}

function passes(node: Node): boolean {
  const passed = passing > 0;
  if (passed) passing -= 1;
  onPage(node, passed);
  return passed;
}

export type Node = Record<string, unknown>;

/** Run a timeline to its end and give the data of its trials, in order. */
export async function run(nodes: Node[], mode = simulation?.mode): Promise<Record<string, unknown>[]> {
  const jsPsych = initJsPsych({ display_element: main(), use_webaudio: false });
  if (mode) await jsPsych.simulate(nodes as never, mode);
  else await jsPsych.run(nodes as never);
  return jsPsych.data.get().values() as Record<string, unknown>[];
}

/** What one page of the study gave: the trial's data, and how long it stood. */
export interface Turned {
  data: Record<string, unknown>;
  shown_at: number;
  ms: number;
  visible_ms: number;
}

/** Run a single trial that is a page, and time it. `prepare` gets the page when it stands. */
export async function turn(node: Node, prepare: (page: HTMLElement) => void = () => undefined): Promise<Turned> {
  const mode = passes(node) ? "data-only" : simulation?.mode;
  let watch: Watch | null = null;
  let began = 0;
  let ended = 0;
  const timed = {
    ...node,
    on_load: () => {
      began = performance.now();
      watch = new Watch();
      if (mode === "data-only") return; // nothing is drawn
      prepare(main());
      focusHeading();
    },
    on_finish: () => (ended = performance.now()),
  };
  const [data] = await run([timed], mode);
  const hidden = (watch as Watch | null)?.stop().hidden_ms ?? 0;
  const ms = ended - began;
  return { data: data!, shown_at: performance.timeOrigin + began, ms, visible_ms: Math.max(0, ms - hidden) };
}

/** The bar at the top of the window. */
export function showProgress({ answered, total }: Progress): void {
  const bar = document.querySelector<HTMLElement>("#progress")!;
  const share = total > 0 ? Math.round((100 * answered) / total) : 0;
  bar.hidden = false;
  bar.setAttribute("aria-valuenow", String(share));
  bar.setAttribute("aria-label", say("page.progress", { answered, total }));
  bar.querySelector<HTMLElement>("span")!.style.width = `${share}%`;
}

/** A badge on every page whose answers do not count. */
export function showPilot(pilot: boolean): void {
  const badge = document.querySelector<HTMLElement>("#pilot")!;
  badge.textContent = pilot ? say("page.pilot") : "";
  badge.hidden = !pilot;
}

/** A word at the lower edge, about the connection; "" takes it away. */
export function showStatus(text: string): void {
  const status = document.querySelector<HTMLElement>("#status")!;
  status.textContent = text;
  status.dataset.shown = String(text !== "");
}

/** So that a screen reader begins at the new page's heading, and Tab goes on from there. */
function focusHeading(): void {
  const heading = main().querySelector<HTMLElement>("h1");
  if (!heading || document.activeElement?.matches("input, textarea, button")) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}
