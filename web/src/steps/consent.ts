import type { ConsentStep, Done } from "../contract";
import { promised } from "../money";
import { ask, card } from "../page";
import { html, paragraphs, say } from "../texts";

export async function consent({ minutes, pay }: ConsentStep, { title, contact }: { title: string; contact: string }): Promise<Done> {
  const fill = { title, contact };
  const duration = minutes === null ? "" : paragraphs("consent.duration", { minutes });
  const write = contact ? paragraphs("consent.contact", fill) : "";
  const body = paragraphs("consent.text", fill) + duration + promised(pay) + write + paragraphs("consent.question", fill);
  const { pressed, shown_at, ms, visible_ms } = await ask(card(html("consent.title", fill), body), [
    say("consent.decline"),
    say("consent.accept"),
  ]);
  return { shown_at, ms, visible_ms, data: { accepted: pressed === 1 } };
}
