/** Numbers as text. Undefined is —, never 0. */

export const UNDEFINED = "—";
const MINUS = "−";

/** `0.974`; three digits that count. */
export function number(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNDEFINED;
  const size = Math.abs(value);
  const text =
    size !== 0 && (size >= 1e5 || size < 1e-3)
      ? value.toExponential(digits - 1).replace("e+", "e")
      : Number(value.toPrecision(digits)).toString();
  return text.replaceAll("-", MINUS);
}

/** A share of 1 as `97 %`, which is not broken across lines. */
export function percent(share: number | null | undefined, digits = 0): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return UNDEFINED;
  return `${(100 * share).toFixed(digits).replace("-", MINUS)}\u00a0%`;
}

/** A score as `.974`, or `1.00`. */
export function score(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNDEFINED;
  return value >= 0.9995 ? "1.00" : value.toFixed(3).replace(/^0/, "");
}

/** `1 unit`, `2,744 units`. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

/** `1st`, `22nd`, `95th`. */
export function ordinal(n: number): string {
  const last = n % 100 >= 11 && n % 100 <= 13 ? 0 : n % 10;
  return `${n}${["th", "st", "nd", "rd"][last] ?? "th"}`;
}

/** Wilson's 95 % interval of a share of independent answers (Wilson 1927). */
export function wilson(answers: number, correct: number): [low: number, high: number] | null {
  if (!answers) return null;
  const z2 = 1.959964 ** 2;
  const share = correct / answers;
  const middle = (share + z2 / (2 * answers)) / (1 + z2 / answers);
  const half =
    (Math.sqrt((share * (1 - share)) / answers + z2 / (4 * answers ** 2)) * Math.sqrt(z2)) / (1 + z2 / answers);
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

/** A label of images as readers see it: `golden retriever`. */
export function words(value: string): string {
  return value.replaceAll("_", " ");
}

/** The last part of a name, as readers see it: `colour histogram` of `my/colour_histogram`. */
export function label(name: string): string {
  const parts = name.split(/[:/\\]/).filter(Boolean);
  return words(parts.at(-1) ?? name);
}

/** A value between the sorted values' ends as a share of them that lie below it, 0 to 1. */
export function rank(sorted: number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return sorted.length ? low / sorted.length : 0;
}
