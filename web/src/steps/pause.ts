import type { BreakStep, Done } from "../contract";
import { ask, card } from "../page";
import { isSimulated } from "../stage";
import { html, paragraphs, say } from "../texts";

/** The break after a block, with its score. */
export async function pause(step: BreakStep): Promise<Done> {
  const { correct, trials } = step.score;
  const share = trials > 0 ? Math.round((100 * correct) / trials) : 0;
  const score = `<p class="score"><strong>${html("break.score", { correct, trials })}</strong></p>
    <div class="meter" role="img" aria-label="${share} %"><span style="width:${share}%"></span></div>`;
  const what = step.last ? "last" : step.again ? "again" : step.practice ? "practice" : "";
  const title = what ? `break.title_${what}` : "break.title";
  const body = score + paragraphs(`break.${what || "text"}`, { number: step.number, of: step.of, left: step.of - step.number });
  const { shown_at, ms, visible_ms } = await ask(card(html(title), body), [say("page.continue")], (page) => {
    const button = page.querySelector<HTMLButtonElement>(".primary")!;
    button.disabled = step.min_ms > 0 && !isSimulated();
    setTimeout(() => (button.disabled = false), step.min_ms);
  });
  return { shown_at, ms, visible_ms, data: {} };
}
