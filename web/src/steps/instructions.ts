import type { Done, Example, InstructionsStep } from "../contract";
import { Screen } from "../forced-choice/screen";
import { at, load } from "../images";
import { ask, card } from "../page";
import type { Turned } from "../stage";
import { html, paragraphs, say } from "../texts";
import { conditionText, trialWords } from "./words";

/** Show a page with these buttons; gives what was pressed. */
type Page = (buttons: string[]) => Promise<Turned & { pressed: number }>;

/** What to do, page by page with a way back, with worked examples from the study's own images. */
export async function instructions(step: InstructionsStep): Promise<Done> {
  const loading = load(step.examples.flatMap(pathsOf), () => undefined);
  const pages: Page[] = [
    textPage("task"),
    ...step.examples.flatMap((example) => [examplePage(example, loading, false), examplePage(example, loading, true)]),
    textPage("answer"),
    textPage("course"),
  ];
  const turns: { page: number; ms: number }[] = [];
  let first: Turned | null = null;
  let ms = 0;
  let visible_ms = 0;
  for (let place = 0; place < pages.length; ) {
    const forth = place === pages.length - 1 ? say("instructions.start") : say("page.continue");
    const buttons = place === 0 ? [forth] : [say("page.back"), forth];
    const turned = await pages[place]!(buttons);
    first ??= turned;
    turns.push({ page: place, ms: turned.ms });
    ms += turned.ms;
    visible_ms += turned.visible_ms;
    place += turned.pressed === buttons.length - 1 ? 1 : -1;
  }
  return { shown_at: first!.shown_at, ms, visible_ms, data: { pages: turns } };
}

function textPage(name: string): Page {
  const content = card(html(`instructions.${name}.title`), paragraphs(`instructions.${name}.text`));
  return (buttons) => ask(content, buttons);
}

/** The screen of a trial with a sentence above; solved, with the frames of the feedback. */
function examplePage(example: Example, loading: Promise<unknown>, solved: boolean): Page {
  const [key, fill] = conditionText(example.condition, "title");
  const other = example.solution === "top" ? "bottom" : "top";
  const said = solved ? `instructions.example.solution_${example.solution}` : "instructions.example.text";
  const heading = html("instructions.example.title", { condition: say(key, fill) });
  const content = `<article class="example"><h1>${heading}</h1>${paragraphs(said)}<div class="mount"></div></article>`;
  return async (buttons) => {
    await loading;
    let screen: Screen | null = null;
    const turned = await ask(content, buttons, (page) => {
      screen = new Screen(page.querySelector<HTMLElement>(".mount")!, shownOf(example), () => undefined);
      screen.demonstrate(solved ? { chosen: other, solution: example.solution } : null);
    }, true);
    (screen as Screen | null)?.close();
    return turned;
  };
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

function pathsOf({ references, queries }: Example): string[] {
  return [...references.left, ...references.right, queries.top, queries.bottom];
}
