/** Who this browser is to the server: the session's token, kept so that a closed window loses nothing. */

const SHARED = "exemplum.session"; // where versions without names of each study's own kept it
let study = "";

/** Keep everything under names of this study's own: one host may have several. */
export function keepFor(store: string): void {
  study = store;
}

/** The study's own name of something that is kept. */
export function own(name: string): string {
  return `exemplum.${name}@${study}`;
}

export interface Identity {
  key: string; // made before the session is asked for, so that a lost response does not make two
  token: string; // "" until the server has answered
  link: string; // the query string that it was asked with
  participant: string; // the number typed in the lab, "" elsewhere
}

/** The kept identity, or null. */
export function kept(place = own("session")): Identity | null {
  try {
    const read = JSON.parse(localStorage.getItem(place) ?? "null") as Partial<Identity> | null;
    if (!read?.key) return null;
    return { key: read.key, token: read.token ?? "", link: read.link ?? "", participant: read.participant ?? "" };
  } catch {
    return null;
  }
}

export function keep(identity: Identity): void {
  remember(own("session"), JSON.stringify(identity));
}

/** What was kept under the name that all studies shared, if `isOurs` says that it is a session of this one. */
export async function adopt(isOurs: (token: string) => Promise<boolean>): Promise<Identity | null> {
  const found = kept(SHARED);
  if (!found?.token || !(await isOurs(found.token))) return null;
  keep(found);
  forget(SHARED);
  return found;
}

export function forget(place = own("session")): void {
  try {
    localStorage.removeItem(place);
  } catch {
    // Nothing was kept.
  }
}

/** Keep a word about this browser; where storage is forbidden it is not kept. */
export function remember(place: string, word: string): void {
  try {
    localStorage.setItem(place, word);
  } catch {
    // The session goes on, but does not outlive this window.
  }
}

export function recall(place: string): string {
  try {
    return localStorage.getItem(place) ?? "";
  } catch {
    return "";
  }
}

/** A random UUID. `crypto.randomUUID` does not exist on a plain http page in a lab's network. */
export function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
