import type { CheckStep, Config, Done } from "../contract";
import { enterFullscreen } from "../fullscreen";
import { ask, card } from "../page";
import { room } from "../room";
import { isSimulated } from "../stage";
import { html, paragraphs, say } from "../texts";
import { median } from "../watch";

const FRAMES = 60;

/**
 * Full screen, and a window that is large enough. It waits for one in which no image is too small; a window that is
 * smaller than the study asks for is noted, not refused.
 */
export async function check(step: CheckStep, stimuli: Config["stimuli"], indexed_db: boolean): Promise<Done> {
  const fill = { width: step.min_width, height: step.min_height };
  const lead = paragraphs("check.text", fill) + (step.fullscreen ? paragraphs("check.fullscreen") : "");
  const first = await ask(card(html("check.title"), lead), [say(step.fullscreen ? "check.enter" : "page.continue")]);
  if (step.fullscreen) await enterFullscreen();
  let { ms, visible_ms } = first;
  if (!room(stimuli).enough || tooSmall(step)) {
    const waits = !room(stimuli).enough;
    const key = waits ? "window" : "check.small";
    const page = card(html(`${key}.title`), `<p class="size" aria-live="polite"></p>${paragraphs(`${key}.text`, fill)}`);
    const second = await ask(page, [say("check.small.continue")], (shown) => showSize(shown, waits ? stimuli : null));
    ms += second.ms;
    visible_ms += second.visible_ms;
  }
  const data = {
    width: innerWidth,
    height: innerHeight,
    screen_width: screen.width,
    screen_height: screen.height,
    pixel_ratio: devicePixelRatio,
    frame_ms: await frameInterval(),
    fullscreen: document.fullscreenElement !== null,
    touch: navigator.maxTouchPoints > 0,
    indexed_db,
  };
  return { shown_at: first.shown_at, ms, visible_ms, data };
}

/** A window may stand upright. */
function tooSmall(step: CheckStep): boolean {
  const [short, long] = [Math.min(innerWidth, innerHeight), Math.max(innerWidth, innerHeight)];
  return short < Math.min(step.min_width, step.min_height) || long < Math.max(step.min_width, step.min_height);
}

/** Say how large the window is, or with `stimuli` the smallest image in it; the button then waits for enough room. */
function showSize(page: HTMLElement, stimuli: Config["stimuli"] | null): void {
  const line = page.querySelector<HTMLElement>(".size")!;
  const button = page.querySelector<HTMLButtonElement>(".primary")!;
  const write = () => {
    if (!line.isConnected) removeEventListener("resize", write);
    if (!stimuli) {
      line.textContent = say("check.small.size", { width: innerWidth, height: innerHeight });
      return;
    }
    const { px, enough } = room(stimuli);
    page.querySelector("h1")!.textContent = say(enough ? "window.enough" : "window.title");
    line.textContent = enough ? "" : say("window.size", { px: Math.floor(px), min: stimuli.min_px });
    for (const advice of page.querySelectorAll<HTMLElement>(".card p:not(.size)")) advice.hidden = enough;
    button.disabled = !enough && !isSimulated();
  };
  addEventListener("resize", write);
  write();
}

/** Median time between frames in milliseconds, of sixty. */
function frameInterval(): Promise<number> {
  return new Promise((resolve) => {
    const times: number[] = [];
    const draw = (now: number) => {
      times.push(now);
      if (times.length <= FRAMES) requestAnimationFrame(draw);
      else resolve(median(times.slice(1).map((at, i) => at - times[i]!))!);
    };
    requestAnimationFrame(draw);
  });
}
