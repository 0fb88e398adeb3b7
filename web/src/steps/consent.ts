import type { ConsentStep, Done } from "../contract";
import { ask, card } from "../page";
import { html, paragraphs, say } from "../texts";

export async function consent(_step: ConsentStep, study: { title: string; contact: string }): Promise<Done> {
  const fill = { title: study.title, contact: study.contact };
  const contact = study.contact ? paragraphs("consent.contact", fill) : "";
  const body = paragraphs("consent.text", fill) + contact + paragraphs("consent.question", fill);
  const { pressed, shown_at, ms, visible_ms } = await ask(card(html("consent.title", fill), body), [
    say("consent.decline"),
    say("consent.accept"),
  ]);
  return { shown_at, ms, visible_ms, data: { accepted: pressed === 1 } };
}
