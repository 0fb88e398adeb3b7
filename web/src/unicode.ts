/** Text as the server can store it. JavaScript counts and cuts in UTF-16 units, of which an emoji has two. */

const REPLACEMENT = "\uFFFD";

/** The text with U+FFFD in place of halves of surrogate pairs. */
export function wellFormed(text: string): string {
  // As `String.prototype.toWellFormed`, which browsers before 2023 lack. By code points (the flag u) a pair is one
  // character, so what matches is half of one.
  return text.replace(/\p{Surrogate}/gu, REPLACEMENT);
}

/** At most `most` code points of a text: never half an emoji. */
export function cut(text: string, most: number): string {
  // No more units than that are looked at: a message may be very long.
  const points = [...wellFormed(text.slice(0, 2 * most + 1))];
  return points.length > most ? points.slice(0, most).join("") : wellFormed(text);
}
