/** Pages that say why it does not go on, politely. */

import { card } from "./page";
import { showStatus } from "./stage";
import { has, html, paragraphs } from "./texts";

/** Something to know before going on; resolves when the button is pressed. */
export function notice(key: string): Promise<void> {
  return new Promise((resolve) => {
    const body = paragraphs(`${key}.text`);
    show(card(html(`${key}.title`), `${body}<p><button type="button" class="jspsych-btn primary">${html(`${key}.button`)}</button></p>`));
    const button = document.querySelector<HTMLButtonElement>("#main button.primary")!;
    button.focus();
    button.addEventListener("click", () => {
      document.querySelector("#main")!.replaceChildren();
      resolve();
    });
  });
}

/** The study cannot be done, for the reason that the server gave as a code. */
export function refused(code: string, contact: string): void {
  const known = has(`error.${code}`) ? code : "other";
  const heading = has(`error.title.${known}`) ? `error.title.${known}` : "error.title.other";
  const help = contact ? paragraphs("error.contact", { contact }) : "";
  showStatus("");
  show(card(html(heading), paragraphs(`error.${known}`) + help));
}

function show(content: string): void {
  document.querySelector<HTMLElement>("#main")!.innerHTML = `<div class="page still">${content}</div>`;
}
