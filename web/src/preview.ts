/** The experimenter's preview: any page of a session as its participant sees it. Nothing is sent, nothing is kept. */

import "jspsych/css/jspsych.css";
import "./style.css";

import type { BlockStep, Config } from "./contract";
import type { Side } from "./forced-choice/info";
import { keepFor } from "./identity";
import { load, pathsOf, release } from "./images";
import { languageSwitch } from "./language";
import { json, Refusal } from "./network";
import { refused } from "./notice";
import { stopsOf, type Plan, type Stop } from "./preview-stops";
import { config as getConfig, texts } from "./session";
import { passPages, run, showPilot, showProgress, showStatus } from "./stage";
import { announce, Preload, trialNode } from "./steps/block";
import { finished } from "./steps/finished";
import { page } from "./steps/page";
import { say, setTexts } from "./texts";

/** What the toolbar around this page, and a program that makes pictures of it, may ask. */
export interface Preview {
  ready: Promise<Stop[]>;
  go(at: number, answer?: Side): Promise<void>; // resolves when the page stands; with an answer, when it is judged
  truth(): Plan["truth"]; // what the plan said
  tell(truth: Plan["truth"] | null): void; // mark the right answers, from now on; null marks none
  onMove: (at: number) => void;
  onLanguage: (language: string) => void;
}

declare global {
  interface Window {
    exemplumPreview: Preview;
  }
}

const FOREVER_MS = 1e9; // for feedback that stays
const OPEN = '.trial[data-state="open"]';
let config: Config;
let plan: Plan;
let stops: Stop[] = [];
let place = 0;
let jump = 0; // numbers the moves: what a page that was left still gives is ignored
let standing = Promise.resolve(); // the page is drawn; one that is left before would be drawn onto the next
let forth = true; // whether the button that was pressed last leads on
let marked = false;

window.exemplumPreview = {
  ready: start(),
  go,
  truth: () => plan.truth,
  tell,
  onMove: () => undefined,
  onLanguage: () => undefined,
};

async function start(): Promise<Stop[]> {
  keepFor("preview");
  config = await getConfig();
  try {
    plan = await json<Plan>(`experimenter/preview/plan${location.search}`, { method: "GET" });
  } catch (error) {
    if (error instanceof Refusal) document.querySelector("#main")!.textContent = error.body.error?.message ?? "";
    throw error;
  }
  setTexts(await texts(plan.language), plan.language);
  config.study.title ||= say("page.title");
  document.title = config.study.title;
  stops = await stopsOf(plan, config);
  addEventListener("keydown", onKey, { capture: true });
  addEventListener("click", onClick, { capture: true });
  const alone = new URLSearchParams(location.search).get("at"); // in a window of its own, from this page on
  if (alone !== null) void go(Number(alone));
  return stops;
}

function go(to: number, answer?: Side): Promise<void> {
  const stop = stops[to];
  if (!stop) return standing;
  const mine = ++jump;
  standing = standing.then(() => (mine === jump ? draw(to, stop, answer) : undefined));
  return standing;
}

async function draw(to: number, stop: Stop, answer?: Side): Promise<void> {
  const mine = jump;
  if (stop.state !== stops[place]!.state) release();
  renewMain();
  frame(stop);
  move(to);
  let failed = false;
  const onward = () => {
    if (mine === jump) void go(Math.min(place + 1, stops.length - 1));
  };
  const onError = (error: unknown) => {
    failed = true; // an image that is not there, for example; the other pages can be seen all the same
    document.querySelector("#main")!.textContent = String(error);
  };
  void show(stop, answer).then(onward, onError);
  while (!failed && !stands(answer)) await new Promise(requestAnimationFrame);
  mark();
}

function move(to: number): void {
  place = to;
  window.exemplumPreview.onMove(to);
}

/** A step of several pages turned one by itself, as its participant's button says. */
function turned(): void {
  const next = place + (forth ? 1 : -1);
  if (stops[next]?.state === stops[place]!.state) move(next);
}

/** Whether the page is drawn, with all its images. */
function stands(answer?: Side): boolean {
  const main = document.querySelector("#main")!;
  if (main.querySelector("[data-covered]")) return true; // the window is too small for the images
  const waits = main.querySelector('[data-state="loading"], .mount:empty') ?? (main.querySelector(".loading") && main.querySelector(".primary:disabled"));
  const judged = answer === undefined || main.querySelector('[data-state="judged"]') !== null;
  return main.querySelector("h1") !== null && !waits && judged && [...main.querySelectorAll("img")].every((image) => image.complete);
}

function tell(truth: Plan["truth"] | null): void {
  if (truth) plan.truth = truth;
  marked = truth !== null;
  mark();
}

/** The frame of the feedback around the right answer of a trial that nobody has answered yet. */
function mark(): void {
  const known = marked ? plan.truth[stops[place]?.key ?? ""] : undefined;
  for (const query of document.querySelectorAll<HTMLElement>(`${OPEN} .query`))
    if (query.dataset.side === known?.solution) query.dataset.solution = "";
    else delete query.dataset.solution;
}

/** A new element for every page: one that was left may still empty the element that it was shown in. */
function renewMain(): void {
  const main = document.querySelector("#main")!;
  main.replaceWith(main.cloneNode(false));
}

/** What stands around each page, as the session has it. */
function frame({ state, trial }: Stop): void {
  if (state) showProgress({ answered: state.progress.answered + Math.max(0, trial), total: state.progress.total });
  showPilot(state?.pilot ?? false);
  showStatus("");
  Object.assign(document.body.dataset, { step: state?.step.id ?? "", kind: state?.step.kind ?? "" });
  languageSwitch(state?.step.kind === "consent" ? config.languages : []);
}

async function show(stop: Stop, answer?: Side): Promise<void> {
  passPages(0);
  const step = stop.state?.step;
  if (!step) return last(refused(stop.refusal, config.study.contact));
  // the panel's address would lead away from the preview
  if (step.kind === "finished") return last(finished({ ...step, redirect: step.redirect && "#" }, plan.again, () => undefined));
  if (step.kind === "block" && stop.trial < 0) return announce(step, new Preload(imagesOf(step, 0)), false);
  if (step.kind === "block") return showTrial(step, stop.trial, answer);
  let drawn = 0;
  passPages(stop.part, (_node, passed) => {
    if (!passed && drawn++ > 0) turned();
  });
  await page(step, config, true);
}

/** Nothing follows such a page. */
async function last(drawn: Promise<void> | void): Promise<void> {
  await drawn;
  await new Promise(() => undefined);
}

async function showTrial(step: BlockStep, number: number, answer?: Side): Promise<void> {
  const trial = step.trials[number]!;
  await load(imagesOf(step, number), () => undefined);
  const known = plan.truth[trial.trial];
  const submit = async () => (known ? { solution: known.solution } : null);
  const stays = answer ? { feedback_delay: 0, feedback_duration: FOREVER_MS } : {};
  const judged = run([{ ...trialNode(step, trial, null as never, config.stimuli.min_px), submit, ...stays }]);
  if (answer) void press(answer);
  else void load(imagesOf(step, number + 1), () => undefined); // of the trial that follows
  await judged;
}

async function press(answer: Side): Promise<void> {
  while (!document.querySelector(OPEN)) await new Promise(requestAnimationFrame);
  document.querySelector<HTMLElement>(`.query[data-side="${answer}"] [data-confidence="2"]`)!.click();
}

function imagesOf(step: BlockStep, number: number): string[] {
  const trial = step.trials[number];
  return trial ? pathsOf(trial) : [];
}

/** Arrows turn pages, except where a field of the page takes them. */
function onKey(event: KeyboardEvent): void {
  const to = {
    ArrowRight: place + 1, PageDown: place + 1, ArrowLeft: place - 1, PageUp: place - 1, Home: 0, End: stops.length - 1,
  }[event.key];
  const typing = event.target instanceof Element && event.target.closest("input, textarea");
  if (to === undefined || event.ctrlKey || event.altKey || event.metaKey || (typing && !event.key.startsWith("Page"))) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  void go(to);
}

/** What a press would do to the browser is not done: full screen, another language, the way back to a panel. */
function onClick(event: MouseEvent): void {
  const target = event.target instanceof Element ? event.target : null;
  const buttons = [...document.querySelectorAll("#main button")];
  forth = buttons.length < 2 || target?.closest("button") === buttons.at(-1);
  const language = target?.closest<HTMLElement>("#languages button");
  const check = document.body.dataset.kind === "check" && target?.closest(".primary");
  if (!language && !check && !target?.closest("a")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (language) window.exemplumPreview.onLanguage(language.lang);
  if (check) void go(place + 1);
}
