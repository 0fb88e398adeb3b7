import { describe, expect, it } from "vitest";

import { columnsOf, fit, type Room } from "../src/geometry";

const room = (width: number, height: number): Room => {
  return { width, height, choices: 58, centre: 250, title: 30, natural: 224, gap: 6 };
};
// What the question, the hint and the bars take of the window's height: about 90 px.
const WINDOWS = [[1280, 720], [1366, 768], [1920, 1080], [3840, 2160], [1024, 768], [1180, 820]] as const;

describe("fit", () => {
  it.each(WINDOWS)("shows everything without overlap at %i × %i", (width, height) => {
    for (const references of [1, 9]) {
      for (const sides of [0, 1, 2] as const) {
        const given = room(width - 32, height - 90);
        const { query, reference } = fit(given, { sides, references });
        const columns = columnsOf(references);
        const panel = columns * reference + (columns - 1) * given.gap;
        expect(2 * (query + given.choices) + 3 * given.gap).toBeLessThanOrEqual(given.height);
        expect(Math.max(query, given.centre) + 2 * (sides ? panel : 0)).toBeLessThanOrEqual(given.width);
        expect(panel + given.title).toBeLessThanOrEqual(given.height);
        expect(query).toBeGreaterThan(150); // still to be recognised
        if (sides) expect(reference).toBeGreaterThan(75);
      }
    }
  });

  it("shows no image at more than three times its own pixels", () => {
    const { query, reference } = fit({ ...room(1888, 990), natural: 96 }, { sides: 2, references: 9 });
    expect(query).toBe(288);
    expect(reference).toBeLessThanOrEqual(288);
  });

  it("shows small images on a large screen as large, seen from the same place, as on a smaller one", () => {
    const [small, large] = [1, 2].map((zoom) =>
      fit({ ...room(zoom * 1888, zoom * 1067), natural: 96 }, { sides: 2, references: 9 }),
    );
    expect(large!.query / small!.query).toBeCloseTo(2, 1);
  });

  it("gives whole device pixels", () => {
    for (const ratio of [1, 1.25, 1.5, 2]) {
      const { query, reference } = fit(room(1501, 811), { sides: 2, references: 9 }, ratio);
      expect((query * ratio) % 1).toBeCloseTo(0);
      expect((reference * ratio) % 1).toBeCloseTo(0);
    }
  });
});

describe("columnsOf", () => {
  it("puts nine in a square and one alone", () => {
    expect([0, 1, 4, 9].map(columnsOf)).toEqual([1, 1, 2, 3]);
  });
});
