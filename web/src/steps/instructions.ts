import type { Done, InstructionsStep } from "../contract";
import { load, pathsOf } from "../images";
import { ask, card } from "../page";
import type { Turned } from "../stage";
import { html, paragraphs, say } from "../texts";
import { examplePage } from "./example";

/** Show a page with these buttons; gives what was pressed. */
type Page = (buttons: string[]) => Promise<Turned & { pressed: number }>;

const NONE = "none"; // the condition without references

/** What to do, page by page with a way back, with worked examples from the study's own images. */
export async function instructions(step: InstructionsStep): Promise<Done> {
  const loading = load(step.examples.flatMap(pathsOf), () => undefined);
  const examples = step.examples.flatMap((example) => [false, true].map((solved) => examplePage(example, loading, solved)));
  const pages: Page[] =
    step.round > 1
      ? [againPage(step.missed), ...examples]
      : [
          textPage("task", paragraphs("instructions.task.text")),
          ...examples,
          ...withoutPages(step),
          textPage("answer", paragraphs("instructions.answer.text") + (isTouched() ? "" : paragraphs("instructions.answer.keys"))),
          textPage("course", course(step.course)),
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

function textPage(name: string, body: string): Page {
  const content = card(html(`instructions.${name}.title`), body);
  return (buttons) => ask(content, buttons);
}

/** Trials without references cannot be worked out; where the study begins with them, people should know why. */
function withoutPages({ conditions, examples, course }: InstructionsStep): Page[] {
  if (!conditions.includes(NONE)) return [];
  const first = conditions[0] === NONE && examples.length > 0 ? paragraphs("instructions.without.first") : "";
  const bonus = course.bonus ? paragraphs("instructions.without.bonus") : "";
  return [textPage("without", paragraphs("instructions.without.text") + bonus + first)];
}

function course({ blocks, trials, practice, minutes }: InstructionsStep["course"]): string {
  const lead = paragraphs("instructions.course.text", { blocks, trials });
  const first = practice ? paragraphs("instructions.course.practice") : "";
  return lead + first + (minutes === null ? "" : paragraphs("instructions.course.duration", { minutes }));
}

/** What the comprehension check found to be unclear, before the examples are shown once more. */
function againPage(missed: string[]): Page {
  const points = missed.map((question) => `<li>${html(`instructions.again.${question}`)}</li>`);
  return textPage("again", `${paragraphs("instructions.again.lead")}<ul class="points">${points.join("")}</ul>`);
}

/** Whether there is likely no keyboard. */
function isTouched(): boolean {
  return matchMedia("(hover: none) and (pointer: coarse)").matches;
}
