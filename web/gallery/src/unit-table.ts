/** What grids show: the units of some layers, with search, filters and order. No page, no browser: tested alone. */

import type { LayerColumns, Network } from "./contract";

export const SORTS = ["layer", "best", "worst", "people", "disagreement", "selective", "rare"] as const;
export type Sort = (typeof SORTS)[number];
export const FLAGS = ["", "dead", "rare", "live", "studied", "answered"] as const;
export type Flag = (typeof FLAGS)[number];

export interface Question {
  layer: string; // "" for all
  words: string;
  sort: Sort;
  view: number;
  branch: string;
  flag: Flag;
  method: string; // only units with pictures of it
  low: number; // of the score, 0 to 1
  high: number;
}

export interface UnitRow {
  place: number; // among all units
  layer: number;
  channel: number;
  name: string;
  branch: string;
  flag: number;
  thumbs: number[];
  likes: number[];
  scores: (number | null)[]; // per view
  accuracies: (number | null)[];
  role: number;
  methods: number[];
  people: number | null; // share of correct answers
  answers: number; // of people, to trials whose pictures explain the unit
  machine: number | null;
  active: number;
  selectivity: number; // how many standard deviations the highest image lies above 0
}

export const EMPTY: Question = {
  layer: "", words: "", sort: "layer", view: 0, branch: "", flag: "", method: "", low: 0, high: 1,
}; // prettier-ignore

/** The question of an address; unknown values are as if they were not there. */
export function asked(from: URLSearchParams, views: number): Question {
  const one = <T extends string>(key: string, known: readonly T[]): T =>
    known.includes(from.get(key) as T) ? (from.get(key) as T) : known[0]!;
  const share = (key: string, otherwise: number) => {
    const value = Number(from.get(key) || otherwise);
    return value >= 0 && value <= 1 ? value : otherwise;
  };
  const view = Number(from.get("view") || 0);
  return {
    layer: from.get("layer") ?? "",
    words: from.get("q") ?? "",
    sort: one("sort", SORTS),
    view: Number.isInteger(view) && view >= 0 && view < views ? view : 0,
    branch: from.get("branch") ?? "",
    flag: one("show", FLAGS),
    method: from.get("method") ?? "",
    low: share("from", 0),
    high: share("to", 1),
  };
}

/** The address of a question, without what is as usual. */
export function address(question: Question): Record<string, string> {
  const { layer, words, sort, view, branch, flag, method, low, high } = question;
  return {
    layer, q: words, sort: sort === "layer" ? "" : sort, view: view ? String(view) : "", branch, show: flag, method,
    from: low > 0 ? String(low) : "", to: high < 1 ? String(high) : "",
  }; // prettier-ignore
}

/** The units of a layer. */
export function rows(network: Network, number: number, columns: LayerColumns): UnitRow[] {
  const layer = network.layers[number]!;
  return columns.channel.map((channel, at) => ({
    place: layer.first + at,
    layer: number,
    channel,
    name: `${layer.name}:${channel}`,
    branch: network.branches[columns.branch[at]!] ?? "",
    flag: columns.flags[at]!,
    thumbs: columns.thumbs[at]!,
    likes: columns.likes[at]!,
    scores: columns.scores.map((view) => view.score[at] ?? null),
    accuracies: columns.scores.map((view) => view.accuracy[at] ?? null),
    role: columns.role[at]!,
    methods: columns.methods[at]!,
    people: share(columns.people?.[at]),
    answers: columns.people?.[at]?.[0] ?? 0,
    machine: share(columns.machine?.[at]),
    active: columns.active[at]!,
    selectivity: columns.std[at] ? (columns.high[at] ?? 0) / columns.std[at]! : 0,
  }));
}

function share(answers: [number, number] | null | undefined): number | null {
  return answers?.[0] ? answers[1] / answers[0] : null;
}

/** The units that a question asks for, in its order. */
export function found(units: UnitRow[], question: Question, network: Network): UnitRow[] {
  const whole = question.words.trim().toLowerCase();
  const words = whole.split(/\s+/).filter(Boolean);
  const texts = network.labels.map(([key, value]) => `${key}:${value}`.toLowerCase());
  const exact = texts.flatMap((text, number) => (text === whole ? [number] : []));
  const method = network.methods.indexOf(question.method);
  const { view, low, high } = question;
  const kept = units.filter((unit) => {
    if (question.branch && unit.branch !== question.branch) return false;
    if (!hasFlag(unit, question.flag)) return false;
    if (question.method && !unit.methods.includes(method)) return false;
    const value = unit.scores[view] ?? null;
    if ((low > 0 || high < 1) && (value === null || value < low || value > high)) return false;
    // a whole label, as links have it, is no part of others: count:1 is not count:10
    if (exact.length) return exact.some((number) => unit.likes.includes(number));
    return words.every((word) => matches(unit, word, texts));
  });
  return sorted(kept, question);
}

function hasFlag(unit: UnitRow, flag: Flag): boolean {
  if (flag === "dead") return unit.flag === 1;
  if (flag === "rare") return unit.flag === 2;
  if (flag === "live") return unit.flag === 0;
  if (flag === "studied") return unit.role > 0;
  if (flag === "answered") return unit.people !== null;
  return true;
}

/** A word names a unit (`mixed4a:17`, `4a`, `:17`), a branch, or what units like (`fabric`, `family:fabric`). */
function matches(unit: UnitRow, word: string, texts: string[]): boolean {
  const name = unit.name.toLowerCase();
  if (/^[^:]*:\d+$/.test(word) && (name === word || name.endsWith(word))) return true;
  if (/^:\d+$/.test(word)) return false;
  if (name.includes(word) || unit.branch === word) return true;
  return unit.likes.some((label) => texts[label]!.includes(word));
}

/** Units that are alike in what they are sorted by stay in the order of the network. */
function sorted(units: UnitRow[], { sort, view }: Question): UnitRow[] {
  const key = {
    layer: () => 0,
    best: (unit: UnitRow) => -(unit.scores[view] ?? -1),
    worst: (unit: UnitRow) => unit.scores[view] ?? 2,
    people: (unit: UnitRow) => unit.people ?? 2,
    disagreement: (unit: UnitRow) => -disagreement(unit),
    selective: (unit: UnitRow) => -unit.selectivity,
    rare: (unit: UnitRow) => (unit.flag === 1 ? Infinity : unit.active < 0 ? 0 : unit.active),
  }[sort];
  return units
    .map((unit) => [key(unit), unit] as const)
    .sort(([a, first], [b, second]) => (a === b ? first.place - second.place : a - b))
    .map(([, unit]) => unit);
}

/** How far people's share of correct answers lies from the machine's on the same trials; −1 if it is not known. */
export function disagreement(unit: UnitRow): number {
  return unit.people === null || unit.machine === null ? -1 : Math.abs(unit.people - unit.machine);
}
