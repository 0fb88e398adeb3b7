/** The log of what happened on the page: sent in batches, never waited for, dropped rather than holding anything up. */

import { uuid } from "./identity";
import { cut } from "./unicode";

interface Entry {
  seq: number;
  at: number; // milliseconds since 1970 by this browser's clock
  kind: string;
  trial: string;
  data: Record<string, unknown>;
}

const EVERY_MS = 10_000;
const BATCH = 50;
const MOST_KEPT = 1000;
const MOST_SENT = 150;
const MOST_TEXT = 500; // code points

const page = uuid();
let entries: Entry[] = [];
let seq = 0;
let token = "";
let sending = false;
let shown = ""; // key of the trial on the screen
let full = false; // the server keeps no more events of this session

/** Write down an event; `trial` is the key of the trial on the screen. */
export function log(kind: string, data: Record<string, unknown> = {}, trial = ""): void {
  if (full) return;
  entries.push({ seq: seq++, at: performance.timeOrigin + performance.now(), kind, trial, data });
  if (entries.length > MOST_KEPT) entries = entries.slice(-MOST_KEPT);
  if (entries.length >= BATCH) void flush();
}

/** Write down an error's message, cut where it is long. */
export function logError(message: unknown): void {
  log("error", { message: cut(String(message), MOST_TEXT) });
}

/** A trial is on the screen: every press on it is written down from now on, also those that are ignored. */
export function logTrial(trial: string): void {
  shown = trial;
  log("trial_shown", { width: innerWidth, height: innerHeight }, trial);
}

/** Begin sending, and write down what concerns the whole page. */
export function startLog(sessionToken: string): void {
  if (token === "") watchPage();
  token = sessionToken;
}

/** Send what there is. With `last` the request outlives the page. */
export async function flush(last = false): Promise<void> {
  if (token === "" || entries.length === 0 || (sending && !last)) return;
  const batch = entries.slice(0, MOST_SENT);
  sending = true;
  try {
    const response = await fetch("api/events", {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify({ page, events: batch }),
      keepalive: last,
    });
    // 4xx: it would be refused again
    if (response.status < 500 && response.status !== 429) entries = entries.filter((entry) => !batch.includes(entry));
    if (response.ok && ((await response.json()) as { full: boolean }).full) stop();
  } catch {
    // Kept for the next batch.
  } finally {
    sending = false;
  }
}

function stop(): void {
  full = true;
  entries = [];
}

function watchPage(): void {
  log("load", { width: innerWidth, height: innerHeight, pixel_ratio: devicePixelRatio });
  setInterval(() => void flush(), EVERY_MS);
  addEventListener("pagehide", () => void flush(true));
  addEventListener("resize", () => log("resize", { width: innerWidth, height: innerHeight }));
  addEventListener("blur", () => log("focus", { state: "lost" }));
  addEventListener("focus", () => log("focus", { state: "gained" }));
  document.addEventListener("click", onPress, { capture: true });
  document.addEventListener("keydown", onPress, { capture: true });
  document.addEventListener("visibilitychange", () => log("visibility", { state: document.visibilityState }));
  document.addEventListener("fullscreenchange", () => log("fullscreen", { on: document.fullscreenElement !== null }));
  addEventListener("error", (event) => logError(event.message));
  addEventListener("unhandledrejection", (event) => logError(event.reason));
}

function onPress(event: MouseEvent | KeyboardEvent): void {
  const state = document.querySelector<HTMLElement>(".trial")?.dataset.state;
  if (state === undefined || (event instanceof KeyboardEvent && event.repeat)) return;
  const target = event.target instanceof HTMLElement ? event.target : null;
  const on = target?.dataset.confidence ?? target?.tagName.toLowerCase() ?? "";
  const side = target?.closest<HTMLElement>(".query")?.dataset.side ?? "";
  if (event instanceof KeyboardEvent) log("key", { code: event.code, state }, shown);
  else log("press", { on, side, state }, shown);
}
