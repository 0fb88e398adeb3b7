import { expect, it } from "vitest";

import { median } from "../src/watch";

it("takes the middle, or the mean of the two in the middle", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([16, 17, 33, 17])).toBe(17);
  expect(median([1, 2])).toBe(1.5);
  expect(median([])).toBeNull();
});
