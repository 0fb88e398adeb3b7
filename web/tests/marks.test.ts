import { describe, expect, it } from "vitest";

import { between } from "../src/steps/marks";

const box = (left: number, top: number, right: number, bottom: number) => ({ left, top, right, bottom });

describe("arrows from the references to a query", () => {
  it("are level where both are side by side, and upright where one is above the other", () => {
    const query = box(400, 300, 600, 500);
    expect(between(box(700, 0, 1000, 600), query)).toEqual([[694, 400], [606, 400]]);
    expect(between(box(0, 0, 300, 600), query)).toEqual([[306, 400], [394, 400]]);
    expect(between(box(0, 600, 1000, 900), query)).toEqual([[500, 594], [500, 506]]);
  });

  it("go from corner to corner where the two do not face each other", () => {
    expect(between(box(0, 0, 100, 100), box(200, 200, 300, 300))).toEqual([[106, 106], [194, 194]]);
  });
});
