/** Every word on the pages, by key, in the participant's language. */

let texts: Record<string, string> = {};

export function setTexts(read: Record<string, string>, language: string): void {
  texts = read;
  document.documentElement.lang = language;
}

export function has(key: string): boolean {
  return key in texts;
}

/** The text of a key with its {placeholders} filled; the key itself where there is none. */
export function say(key: string, fill: Record<string, string | number> = {}): string {
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name: string) => String(fill[name] ?? whole)).trim();
}

/** As `say`, with the characters escaped that HTML reads otherwise. */
export function html(key: string, fill: Record<string, string | number> = {}): string {
  return escape(say(key, fill));
}

/** As `inParagraphs`, of the text of a key. */
export function paragraphs(key: string, fill: Record<string, string | number> = {}): string {
  return inParagraphs(say(key, fill));
}

/** A text as paragraphs: a blank line parts two. Nothing for an empty text. */
export function inParagraphs(text: string): string {
  return text
    .split(/\n\s*\n/)
    .filter((part) => part.trim())
    .map((part) => `<p>${escape(part.trim()).replace(/\n/g, "<br>")}</p>`)
    .join("");
}

export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
