import type { Pay } from "./contract";
import { inParagraphs, say } from "./texts";

/** An amount of money as a language writes it: £4.50, 4,50 €. `currency` is a code of three letters. */
export function money(amount: number, currency: string, language: string): string {
  return new Intl.NumberFormat(language, { style: "currency", currency }).format(amount);
}

/** What a study pays, as the consent page says it, in paragraphs; nothing if it does not say. */
export function promised(pay: Pay | null): string {
  if (!pay) return "";
  const said = (amount: number) => money(amount, pay.currency, document.documentElement.lang);
  const parts: string[] = [];
  if (pay.amount > 0) parts.push(say("consent.pay", { pay: said(pay.amount) }));
  if (pay.bonus !== "none") parts.push(say(`consent.bonus_${pay.bonus}`, { bonus: said(pay.bonus_amount) }));
  if (pay.bonus === "accuracy" && pay.bonus_from > 0) {
    parts.push(say("consent.bonus_from", { percent: +(100 * pay.bonus_from).toFixed(1) }));
  }
  return inParagraphs(parts.join(" "));
}
