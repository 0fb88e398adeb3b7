/** Where the preview stops: every page of a session, in order, and then the ways in which it may end or not begin. */

import type { Config, State } from "./contract";
import { passPages, type Node } from "./stage";
import { page } from "./steps/page";

/** What the server tells of a session; docs/reference/server-api.md describes it. */
export interface Plan {
  language: string;
  again: boolean; // whether the last page leads to another session: in the lab, and of a pilot
  states: State[]; // one for each step, blocks with all their trials
  endings: State[];
  refusals: string[]; // codes of the reasons why somebody cannot take part
  truth: Record<string, { solution: "top" | "bottom" }>; // by key of the trial; empty where it is not to be known
}

/** One page. Its name says no more than its participant would: no condition, and nothing of the truth. */
export interface Stop {
  kind: string; // the step's, or example, practice, trial, refusal
  name: string;
  state: State | null; // null of a refusal
  part: number; // of the pages of its step
  trial: number; // number in its block from 0; -1 for another page
  key: string; // of the trial
  condition: string; // that the page itself announces
  refusal: string; // code
}

const NAMES: Record<string, string> = {
  consent: "Consent", form: "Questions", check: "Screen check", instructions: "Instructions", example: "Worked example",
  comprehension: "Comprehension check", intuitiveness: "Intuitiveness", break: "Break", debrief: "Comment", finished: "End",
};
const SEVERAL = ["instructions", "intuitiveness"]; // steps of several pages

export async function stopsOf(plan: Plan, config: Config): Promise<Stop[]> {
  const stops: Stop[] = [];
  for (const state of plan.states) stops.push(...(await stopsOfStep(state, config)));
  for (const state of plan.endings) stops.push({ ...plain(state), name: `End: ${outcome(state).replace("_", " ")}` });
  for (const code of plan.refusals)
    stops.push({ ...plain(null), kind: "refusal", name: `Cannot take part: ${code.replace("_", " ")}`, refusal: code });
  return numbered(stops);
}

async function stopsOfStep(state: State, config: Config): Promise<Stop[]> {
  const { step } = state;
  const stop = plain(state);
  if (step.kind === "block") {
    const round = step.round > 1 ? ` again, ${step.round}` : "";
    const block = `Block ${step.number}${step.practice ? ` (practice${round})` : ""}`;
    const trials = step.trials.map(({ trial }, n) => (
      { ...stop, kind: step.practice ? "practice" : "trial", name: `${block}, trial ${n + 1}`, trial: n, key: trial }
    ));
    return [{ ...stop, name: `${block}, begins`, condition: step.condition }, ...trials];
  }
  if (!SEVERAL.includes(step.kind)) return [stop];
  const kinds: string[] = [];
  passPages(Infinity, (node) => kinds.push(isExample(node) ? "example" : step.kind));
  await page(step as never, config, true);
  passPages(0);
  return kinds.map((kind, part) => ({ ...stop, kind, name: NAMES[kind]!, part }));
}

function plain(state: State | null): Stop {
  const kind = state?.step.kind ?? "";
  return { kind, name: NAMES[kind] ?? kind, state, part: 0, trial: -1, key: "", condition: "", refusal: "" };
}

/** Whether a page shows the screen of a trial, as an example. */
function isExample(node: Node): boolean {
  return String(node.stimulus ?? "").includes('class="example"');
}

function outcome({ step }: State): string {
  return step.kind === "finished" ? step.outcome : "";
}

/** Pages of one name get numbers: Instructions 1, Instructions 2, … */
function numbered(stops: Stop[]): Stop[] {
  const many = new Map<string, number>();
  for (const { name } of stops) many.set(name, (many.get(name) ?? 0) + 1);
  const seen = new Map<string, number>();
  return stops.map((stop) => {
    const number = (seen.get(stop.name) ?? 0) + 1;
    seen.set(stop.name, number);
    return many.get(stop.name) === 1 ? stop : { ...stop, name: `${stop.name} ${number}` };
  });
}
