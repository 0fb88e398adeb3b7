import { describe, expect, it } from "vitest";

import { way } from "../src/steps/marks";

const box = (left: number, top: number, right: number, bottom: number) => ({ left, top, right, bottom });

describe("the arrow from references to a query", () => {
  const query = box(400, 300, 600, 500);
  const column = box(380, 300, 620, 900);

  it("is level where they are side by side", () => {
    expect(way(box(700, 0, 1000, 600), query, column, "right")).toEqual([[694, 400], [606, 400]]);
    expect(way(box(0, 0, 300, 600), query, column, "left")).toEqual([[306, 400], [394, 400]]);
  });

  it("goes from corner to corner where they do not face each other", () => {
    expect(way(box(700, 0, 800, 100), query, column, "right")).toEqual([[694, 106], [606, 294]]);
  });

  it("passes the query at its outer side where the references are above", () => {
    expect(way(box(510, 0, 900, 200), query, column, "right")).toEqual([[644, 206], [644, 400], [606, 400]]);
    expect(way(box(100, 0, 490, 200), query, column, "left")).toEqual([[356, 206], [356, 400], [394, 400]]);
  });
});
