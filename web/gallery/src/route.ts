/** Addresses: what is shown stands behind the #, so that any host of files can serve it, and any state can be linked. */

export type Route =
  | { page: "overview" }
  | { page: "units"; asked: URLSearchParams }
  | { page: "unit"; unit: string; asked: URLSearchParams };

export function parse(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?", 2);
  const asked = new URLSearchParams(query);
  if (path.startsWith("/unit/")) return { page: "unit", unit: decoded(path.slice("/unit/".length)), asked };
  if (path === "/units") return { page: "units", asked };
  return { page: "overview" };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A layer's or a dictionary's name may hold a slash or a question mark. */
export function unitLink(unit: string, asked: Record<string, string> = {}): string {
  return `#/unit/${encodeURIComponent(unit).replaceAll("%3A", ":")}${query(asked)}`;
}

export function unitsLink(asked: Record<string, string> = {}): string {
  return `#/units${query(asked)}`;
}

function query(asked: Record<string, string>): string {
  const text = new URLSearchParams(Object.entries(asked).filter(([, value]) => value !== "")).toString();
  return text && `?${text}`;
}
