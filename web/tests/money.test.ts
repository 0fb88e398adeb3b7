import { describe, expect, it } from "vitest";

import { money } from "../src/money";

describe("money", () => {
  it("is written as the language does", () => {
    expect(money(4.5, "GBP", "en")).toBe("£4.50");
    expect(money(4.5, "EUR", "de").replace(/\s/, " ")).toBe("4,50 €");
  });
});
