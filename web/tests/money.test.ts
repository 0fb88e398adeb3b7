import { describe, expect, it } from "vitest";

import { money, promised } from "../src/money";
import { setTexts } from "../src/texts";

describe("money", () => {
  it("is written as the language does", () => {
    expect(money(4.5, "GBP", "en")).toBe("£4.50");
    expect(money(4.5, "EUR", "de").replace(/\s/, " ")).toBe("4,50 €");
  });
});

describe("what a study pays", () => {
  it("stands in the paragraphs of the text, with the bonus after it", () => {
    globalThis.document = { documentElement: { lang: "" } } as Document;
    const texts = { "consent.pay": "You get {pay}.\n\nIt comes by mail.\n", "consent.bonus_fixed": "And {bonus} on top." };
    setTexts(texts, "en");
    const pay = { amount: 4, currency: "GBP", bonus: "fixed", bonus_amount: 1, bonus_from: 0.5 } as const;
    expect(promised(pay)).toBe("<p>You get £4.00.</p><p>It comes by mail. And £1.00 on top.</p>");
    expect(promised({ ...pay, amount: 0, bonus: "none" })).toBe("");
    expect(promised(null)).toBe("");
  });
});
