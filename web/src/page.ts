/** Pages of text: a card with a heading, paragraphs and buttons, made with jsPsych's own plugins. */

import HtmlButtonResponse from "@jspsych/plugin-html-button-response";

import { turn, type Node, type Turned } from "./stage";
import { escape } from "./texts";

/** Show `content` (HTML) with buttons below; gives which was pressed. Enter presses the last one. */
export async function ask(
  content: string,
  buttons: readonly string[],
  prepare: (page: HTMLElement) => void = () => undefined,
  wide = false,
): Promise<Turned & { pressed: number }> {
  const turned = await turn(buttonNode(content, buttons, wide), (page) => {
    pressWithEnter(page);
    prepare(page);
  });
  return { ...turned, pressed: Number(turned.data.response) };
}

export function card(heading: string, body: string): string {
  return `<article class="card"><h1>${heading}</h1>${body}</article>`;
}

/** The last button is the way on; a simulated participant always presses it. */
function buttonNode(content: string, buttons: readonly string[], wide: boolean): Node {
  return {
    type: HtmlButtonResponse,
    stimulus: content,
    choices: buttons.map(escape),
    button_layout: "flex",
    button_html: (choice: string, index: number) =>
      `<button type="button" class="jspsych-btn ${index === buttons.length - 1 ? "primary" : ""}">${choice}</button>`,
    css_classes: wide ? ["page", "wide"] : ["page"],
    simulation_options: { data: { response: buttons.length - 1, rt: 50 } },
  };
}

/** Enter goes on from anywhere on the page, unless something has the focus that takes Enter itself. */
function pressWithEnter(page: HTMLElement): void {
  const button = page.querySelector<HTMLButtonElement>(".primary")!;
  const onKey = (event: KeyboardEvent) => {
    if (!button.isConnected) return document.removeEventListener("keydown", onKey);
    const taken = event.target instanceof Element && event.target.closest("button, a, input, textarea");
    if (event.key === "Enter" && !event.repeat && !taken) button.click();
  };
  document.addEventListener("keydown", onKey);
}
