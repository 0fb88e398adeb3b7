import { describe, expect, it } from "vitest";

import type { Network } from "../gallery/src/contract";
import { nearest } from "../gallery/src/distribution";
import { colour, enlarged, heat, strong } from "../gallery/src/maps";
import { number, ordinal, percent, rank, score, wilson, words } from "../gallery/src/numbers";
import { parse, unitLink } from "../gallery/src/route";
import { address, asked, EMPTY, found, type UnitRow } from "../gallery/src/unit-table";

const network = {
  labels: [["family", "fabric", 2], ["kind", "animal", 1]], methods: ["natural", "crops"],
} as unknown as Network; // prettier-ignore

const unit = (place: number, changes: Partial<UnitRow> = {}): UnitRow => ({
  place, layer: 0, channel: place, name: `mixed4a:${place}`, branch: "1x1", flag: 0, thumbs: [], likes: [], scores: [0.5],
  accuracies: [0.5], role: 0, methods: [], people: null, answers: 0, machine: null, active: 10, selectivity: 1, ...changes,
}); // prettier-ignore

const names = (units: UnitRow[], question: Partial<typeof EMPTY>) =>
  found(units, { ...EMPTY, ...question }, network).map((each) => each.place);

describe("search", () => {
  const units = [
    unit(1, { likes: [0] }), unit(11, { branch: "5x5" }), unit(17, { channel: 17, name: "mixed5b:17", likes: [1] }),
  ]; // prettier-ignore
  it.each([
    ["", [1, 11, 17]], ["mixed4a", [1, 11]], ["4a", [1, 11]], [":1", [1]], ["mixed4a:11", [11]], ["fabric", [1]],
    ["family:fabric", [1]], ["5x5", [11]], ["4a fabric", [1]], ["animal mixed4a", []],
  ] as const)("%s", (words, places) => expect(names(units, { words })).toEqual(places)); // prettier-ignore
});

describe("a label from a link", () => {
  const labels = [["n", "1", 1], ["n", "10", 1], ["class", "golden retriever", 1], ["class", "golden", 1]];
  const gallery = { ...network, labels } as unknown as Network;
  const units = [unit(1, { likes: [0] }), unit(2, { likes: [1] }), unit(3, { likes: [2] }), unit(4, { likes: [3] })];
  it.each([["n:1", [1]], ["n:10", [2]], ["class:golden retriever", [3]], ["class:golden", [4]], ["golden", [3, 4]]] as const)(
    "%s finds the units that like it, and no others", (words, places) =>
      expect(found(units, { ...EMPTY, words }, gallery).map((each) => each.place)).toEqual(places),
  ); // prettier-ignore
  it("is read as it is", () => expect(words("n:1/golden_retriever")).toBe("n:1/golden retriever"));
});

describe("images along the axis", () => {
  it("are the nearest to the middle of each part, and the extremes are in the first and the last", () => {
    const [low, high] = [-2.153, 2.092];
    const known = [[0, low], [1, -0.1], [2, -0.3], [3, 2.0920001]] as const; // prettier-ignore
    expect(nearest(known, low, high, 5).map((each) => each?.[0])).toEqual([0, undefined, 1, undefined, 3]);
    for (let parts = 2; parts < 40; parts++) {
      const shown = nearest(known, low, high, parts);
      expect([shown.at(0)?.[0], shown.at(-1)?.[0]]).not.toContain(undefined);
    }
  });
});

describe("order and filters", () => {
  const units = [
    unit(0, { scores: [0.9], people: 0.5, machine: 0.9 }), unit(1, { scores: [null], flag: 1 }),
    unit(2, { scores: [0.95], people: 0.7, machine: 0.75, methods: [1] }),
  ]; // prettier-ignore
  it("puts units without a score last, whichever end is first", () => {
    expect(names(units, { sort: "best" })).toEqual([2, 0, 1]);
    expect(names(units, { sort: "worst" })).toEqual([0, 2, 1]);
  });
  it("orders by people, and by their disagreement with the machine", () => {
    expect(names(units, { sort: "people" })).toEqual([0, 2, 1]);
    expect(names(units, { sort: "disagreement" })).toEqual([0, 2, 1]);
  });
  it("keeps what is asked for", () => {
    expect(names(units, { flag: "dead" })).toEqual([1]);
    expect(names(units, { low: 0.92 })).toEqual([2]);
    expect(names(units, { method: "crops" })).toEqual([2]);
    expect(names(units, { flag: "answered" })).toEqual([0, 2]);
  });
});

describe("addresses", () => {
  it("keep a question, and forget what is not known", () => {
    const question = { ...EMPTY, layer: "a/b?c", words: "fur", sort: "worst" as const, view: 1, low: 0.25 };
    expect(asked(new URLSearchParams(address(question)), 2)).toEqual(question);
    expect(asked(new URLSearchParams("sort=nonsense&view=7&from=x"), 2)).toEqual(EMPTY);
  });
  it("name any unit", () => {
    const link = unitLink("layer.0/conv?x:17");
    expect(parse(link)).toMatchObject({ page: "unit", unit: "layer.0/conv?x:17" });
    expect(parse("#/unit/%E0")).toMatchObject({ page: "unit", unit: "%E0" }); // not decodable
  });
});

describe("numbers", () => {
  it("are never 0 where there are none", () => {
    expect([number(null), percent(NaN), score(undefined)]).toEqual(["—", "—", "—"]);
    expect([number(-0.12345), percent(0.974), score(0.9744), score(1)]).toEqual(["−0.123", "97\u00a0%", ".974", "1.00"]);
    expect([1, 2, 11, 22, 50, 100].map(ordinal)).toEqual(["1st", "2nd", "11th", "22nd", "50th", "100th"]);
    expect(rank([1, 2, 3, 4], 3)).toBe(0.5);
  });
  it("has Wilson’s interval as statsmodels has it", () => {
    // statsmodels: proportion_confint(18, 24, method="wilson")
    expect(wilson(24, 18)!.map((end) => end.toFixed(4))).toEqual(["0.5510", "0.8800"]);
    expect(wilson(0, 0)).toBeNull();
  });
});

describe("maps", () => {
  const grid = { cells: [2, 2] as [number, number], stride: [0.5, 0.5] as [number, number], first: [0.25, 0.25] as [number, number] };
  it("are bilinear between the centres of cells, and constant beyond", () => {
    const made = enlarged(Float32Array.of(0, 1, 2, 3), grid, 4);
    expect([...made.slice(0, 4)].map((value) => Number(value.toFixed(3)))).toEqual([0, 0.25, 0.75, 1]);
    expect(made[15]).toBe(3);
  });
  it("are strong above 60 % of the way from the typical level to their extreme", () => {
    expect([...strong(Float32Array.of(0, 5, 7, 10), 1, 1)]).toEqual([0, 0, 1, 1]);
    expect([...strong(Float32Array.of(0, -5, -7, -10), -1, -1)]).toEqual([0, 0, 1, 1]);
  });
  it("are black where lowest and pale yellow where highest", () => {
    expect([colour(0), colour(1)]).toEqual([[0, 0, 4], [252, 255, 164]]); // prettier-ignore
    const pixels = { width: 1, height: 1, data: Uint8ClampedArray.of(100, 100, 100, 255) } as unknown as ImageData;
    heat(pixels, Float32Array.of(9), 0, 9);
    expect([...pixels.data]).toEqual([176, 178, 132, 255]);
  });
});
