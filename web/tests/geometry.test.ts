import { describe, expect, it } from "vitest";

import { arrange, boxOf, columnsOf, smallest } from "../src/geometry";

const NATURAL = 224;
const WINDOWS = [
  [1280, 720], [1366, 768], [1920, 1080], [3840, 2160], [1024, 768], [1180, 820], // sideways
  [768, 1024], [810, 1080], [834, 1194], [2160, 3840], // upright
] as const;

describe("arrange", () => {
  it.each(WINDOWS)("shows everything without overlap at %i × %i", (width, height) => {
    for (const references of [0, 1, 4, 9]) {
      const box = boxOf(width, height);
      const of = arrange(box, { references, natural: NATURAL });
      const columns = columnsOf(references);
      const panel = columns * of.reference + (columns - 1) * of.gap;
      const stage = box.height - of.question - of.hint;
      const queries = 2 * (of.query + of.choices) + of.middle;
      const above = of.portrait ? of.above + 4 * of.gap : 0;
      expect(above + queries).toBeLessThanOrEqual(stage);
      expect(panel + of.title).toBeLessThanOrEqual(of.portrait ? of.above : stage);
      expect(2 * panel + (of.portrait ? 0 : of.centre)).toBeLessThanOrEqual(box.width - 4 * of.gap);
    }
  });

  it.each(WINDOWS)("shows no image smaller than 100 px at %i × %i", (width, height) => {
    for (const references of [0, 1, 9]) {
      expect(smallest(width, height, { references, natural: NATURAL })).toBeGreaterThanOrEqual(100);
    }
  });

  it.each([[420, 800], [800, 420]] as const)("has too little room for nine references at %i × %i", (width, height) => {
    expect(smallest(width, height, { references: 9, natural: NATURAL })).toBeLessThan(100);
  });

  it.each(WINDOWS)("shows queries of one size whatever stands beside them, at %i × %i", (width, height) => {
    const sizes = [0, 1, 9].map((references) => arrange(boxOf(width, height), { references, natural: NATURAL }).query);
    expect(new Set(sizes).size).toBe(1);
  });

  it("shows no image at more than three times its own pixels", () => {
    const { query, reference } = arrange(boxOf(1920, 1080), { references: 9, natural: 96 });
    expect(query).toBe(288);
    expect(reference).toBeLessThanOrEqual(288);
  });

  it("shows small images on a large screen as large, seen from the same place, as on a smaller one", () => {
    const [small, large] = [1, 2].map((zoom) => arrange(boxOf(zoom * 1920, zoom * 1080), { references: 9, natural: 64 }));
    expect(large!.query / small!.query).toBeCloseTo(2, 1);
  });

  it("gives whole device pixels", () => {
    for (const ratio of [1, 1.25, 1.5, 2]) {
      const { query, reference } = arrange(boxOf(1501, 811), { references: 9, natural: NATURAL }, ratio);
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
