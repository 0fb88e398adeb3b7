import type { CheckStep, Done } from "../contract";
import { enterFullscreen } from "../fullscreen";
import { ask, card } from "../page";
import { html, paragraphs, say } from "../texts";
import { median } from "../watch";

const FRAMES = 60;

/** Full screen, and a window that is large enough; one that cannot grow is noted, not refused. */
export async function check(step: CheckStep, indexed_db: boolean): Promise<Done> {
  const fill = { width: step.min_width, height: step.min_height };
  const lead = paragraphs("check.text", fill) + (step.fullscreen ? paragraphs("check.fullscreen") : "");
  const first = await ask(card(html("check.title"), lead), [say(step.fullscreen ? "check.enter" : "page.continue")]);
  if (step.fullscreen) await enterFullscreen();
  let { ms, visible_ms } = first;
  if (tooSmall(step)) {
    const page = card(html("check.small.title"), `<p class="size" aria-live="polite"></p>${paragraphs("check.small.text", fill)}`);
    const second = await ask(page, [say("check.small.continue")], showSize);
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

function tooSmall(step: CheckStep): boolean {
  return innerWidth < step.min_width || innerHeight < step.min_height;
}

function showSize(page: HTMLElement): void {
  const line = page.querySelector<HTMLElement>(".size")!;
  const write = () => {
    if (!line.isConnected) removeEventListener("resize", write);
    line.textContent = say("check.small.size", { width: innerWidth, height: innerHeight });
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
