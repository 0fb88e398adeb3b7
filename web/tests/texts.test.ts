import { beforeAll, expect, it } from "vitest";

import { paragraphs, say, setTexts } from "../src/texts";

beforeAll(() => {
  globalThis.document = { documentElement: { lang: "" } } as Document;
  setTexts({ greeting: "Dear {name},\n\nyou have {left} trials to go.", sharp: "a < b & {name}" }, "en");
});

it("fills placeholders, and leaves those that have no value", () => {
  expect(say("greeting", { name: "X" })).toBe("Dear X,\n\nyou have {left} trials to go.");
});

it("parts paragraphs at blank lines, and shows markup as text", () => {
  expect(paragraphs("greeting", { name: "X", left: 3 })).toBe("<p>Dear X,</p><p>you have 3 trials to go.</p>");
  expect(paragraphs("sharp", { name: "<script>" })).toBe("<p>a &#60; b &#38; &#60;script&#62;</p>");
});

it("shows the key of a text that is missing", () => {
  expect(say("no.such.key")).toBe("no.such.key");
});
