import type { ConsentStep, Done, Pay } from "../contract";
import { money } from "../money";
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

function promised(pay: Pay | null): string {
  if (!pay) return "";
  const said = (amount: number) => money(amount, pay.currency, document.documentElement.lang);
  const parts: string[] = [];
  if (pay.amount > 0) parts.push(html("consent.pay", { pay: said(pay.amount) }));
  if (pay.bonus !== "none") parts.push(html(`consent.bonus_${pay.bonus}`, { bonus: said(pay.bonus_amount) }));
  if (pay.bonus === "accuracy" && pay.bonus_from > 0) {
    parts.push(html("consent.bonus_from", { percent: +(100 * pay.bonus_from).toFixed(1) }));
  }
  return parts.length > 0 ? `<p>${parts.join(" ")}</p>` : "";
}
