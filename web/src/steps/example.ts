/** A worked example: the screen of a trial with numbered remarks, first as a question and then with its solution. */

import type { Example } from "../contract";
import { Screen } from "../forced-choice/screen";
import { at } from "../images";
import { ask } from "../page";
import type { Turned } from "../stage";
import { has, html, paragraphs, say } from "../texts";
import { Marks } from "./marks";
import { conditionText, trialWords } from "./words";

/** A remark: the place that it is about, and what is said before and after the solution is shown. */
interface Remark {
  place: "right" | "left" | "queries";
  asked: string;
  solved: string;
}

export function examplePage(example: Example, loading: Promise<unknown>, solved: boolean) {
  const [key, fill] = conditionText(example.condition, "title");
  const heading = html("instructions.example.title", { condition: say(key, fill) });
  const lead = paragraphs(`instructions.example.${solved ? "solved" : "text"}`);
  const remarks = remarksOn(example);
  const list = remarks.map((remark) => item(remark, solved)).join("");
  const content =
    `<article class="example" data-solved="${solved}"><header><h1>${heading}</h1>${lead}</header>` +
    `<ol class="remarks" data-count="${remarks.length}">${list}</ol><div class="shown"><div class="mount"></div></div></article>`;
  return async (buttons: string[]): Promise<Turned & { pressed: number }> => {
    await loading;
    let screen: Screen | null = null;
    let marks: Marks | null = null;
    const turned = await ask(content, buttons, (page) => {
      screen = new Screen(page.querySelector<HTMLElement>(".mount")!, shownOf(example), () => undefined);
      screen.demonstrate(solved ? { chosen: example.solution, solution: example.solution } : null);
      marks = new Marks(page.querySelector<HTMLElement>(".shown")!, remarks.map(({ place }) => place), solved ? example.solution : null);
    }, true);
    (marks as Marks | null)?.close();
    (screen as Screen | null)?.close();
    return turned;
  };
}

/** What is to be seen, in the order in which one looks: what activates the unit, what does not, and the question. */
function remarksOn({ condition, references, solution, alike }: Example): Remark[] {
  const { left, right } = references;
  const other = solution === "top" ? "bottom" : "top";
  const text = (name: string, number: number) =>
    html(`instructions.example.${name}${number === 1 ? "_one" : ""}`, { number });
  const ofKind = (name: string, otherwise: string, number: number) => {
    const key = `condition.${condition}.${name}${number === 1 ? "_one" : ""}`;
    return has(key) ? html(key, { number }) : text(otherwise, number);
  };
  const remarks: Remark[] = [];
  if (right.length) {
    const [asked, solved] = [ofKind("look", "right", right.length), ofKind("common", "common", right.length)];
    remarks.push({ place: "right", asked, solved });
  }
  if (left.length) {
    remarks.push({ place: "left", asked: text("left", left.length), solved: html(`instructions.example.other_${other}`) });
  }
  const correct = html(`instructions.example.${alike ? "alike" : "correct"}_${solution}`);
  return [...remarks, { place: "queries", asked: text("queries", right.length), solved: correct }];
}

/** Both texts take the same room, so that nothing moves when the solution is shown. */
function item({ place, asked, solved }: Remark, isSolved: boolean): string {
  const [said, unsaid] = isSolved ? [solved, asked] : [asked, solved];
  // "here" is shown by a number at the images; to those who hear the page their title says it
  const where = place === "queries" ? "" : `<span class="visually-hidden">${html(`trial.${place}.title`)}: </span>`;
  return `<li data-place="${place}">${where}<span>${said}</span><span class="unsaid" aria-hidden="true">${unsaid}</span></li>`;
}

function shownOf({ references, queries }: Example) {
  const left = references.left.map(at);
  const right = references.right.map(at);
  return {
    query_top: at(queries.top),
    query_bottom: at(queries.bottom),
    references_left: left,
    references_right: right,
    words: trialWords(left.length + right.length > 0),
    keys: { top: [], bottom: [] },
  };
}
