import type { FinishedStep } from "../contract";
import { leaveFullscreen } from "../fullscreen";
import { card } from "../page";
import { escape, has, html, paragraphs, say } from "../texts";

const REDIRECT_S = 5;

/** The last page: how it ended, the code, and the way back to where the participant came from. */
export async function finished(step: FinishedStep, again: boolean, next: () => void): Promise<void> {
  await leaveFullscreen();
  const key = `finished.${step.outcome}`;
  const said = has(`${key}.code`) ? `${key}.code` : "finished.code"; // who refused consent has completed nothing
  const code = step.code
    ? `<p>${html(said)}</p><p class="code"><output>${escape(step.code)}</output></p>`
    : "";
  const redirect = step.redirect
    ? `<p class="leaving" role="status"></p><p><a class="jspsych-btn primary" href="#">${html("finished.leave")}</a></p>`
    : "";
  const anew = again ? `<p><button type="button" class="jspsych-btn">${html("lab.next")}</button></p>` : "";
  const page = document.querySelector<HTMLElement>("#main")!;
  page.innerHTML = `<div class="page still">${card(html(`${key}.title`), paragraphs(`${key}.text`) + code + redirect + anew)}</div>`;
  page.querySelector<HTMLButtonElement>("button")?.addEventListener("click", next);
  if (step.redirect) leaveSoon(page, step.redirect);
}

function leaveSoon(page: HTMLElement, target: string): void {
  const link = page.querySelector<HTMLAnchorElement>("a.primary")!;
  link.href = target;
  let left = REDIRECT_S;
  const line = page.querySelector<HTMLElement>(".leaving")!;
  const tick = () => {
    line.textContent = say("finished.leaving", { seconds: left });
    if (left-- <= 0) location.assign(target);
    else setTimeout(tick, 1000);
  };
  tick();
}
