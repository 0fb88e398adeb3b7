import { describe, expect, it } from "vitest";

import { cut, wellFormed } from "../src/unicode";

const SMILE = "\u{1F600}"; // two UTF-16 units

describe("well-formed text", () => {
  const cases: [string, string][] = [
    ["plain", "plain"],
    ["", ""],
    [`a${SMILE}b`, `a${SMILE}b`],
    ["a\uD83D", "a\uFFFD"],
    ["\uDE00a", "\uFFFDa"],
    ["\uDE00\uD83D", "\uFFFD\uFFFD"],
    [`\uD83D${SMILE}\uDE00`, `\uFFFD${SMILE}\uFFFD`],
  ];
  it.each(cases)("%j", (given, expected) => {
    expect(wellFormed(given)).toBe(expected);
  });
});

describe("cut", () => {
  it("never leaves half an emoji, wherever it falls", () => {
    for (let before = 495; before < 505; before++) {
      const text = cut("x".repeat(before) + SMILE.repeat(10), 500);
      expect([...text]).toHaveLength(500);
      expect(text).toBe(wellFormed(text));
    }
  });
  it("counts code points", () => {
    expect(cut(SMILE.repeat(600), 500)).toBe(SMILE.repeat(500));
    expect(cut(SMILE.repeat(500), 500)).toBe(SMILE.repeat(500));
    expect(cut("short", 500)).toBe("short");
    expect(cut("abc", 0)).toBe("");
  });
  it("makes what it leaves well-formed", () => {
    expect(cut("a\uD83D", 10)).toBe("a\uFFFD");
    expect(cut(`ab\uD83D`, 2)).toBe("ab");
  });
});
