import type { Config, Done, Step } from "../contract";
import { check } from "./check";
import { comprehension } from "./comprehension";
import { consent } from "./consent";
import { debrief, form } from "./form";
import { instructions } from "./instructions";
import { intuitiveness } from "./intuitiveness";
import { pause } from "./pause";

export type PageStep = Exclude<Step, { kind: "block" | "finished" }>;

/** Do a step that is a page or several; gives what was entered. `wrong` is a field that the server did not take. */
export function page(step: PageStep, config: Config, durable: boolean, wrong = ""): Promise<Done> {
  switch (step.kind) {
    case "consent":
      return consent(step, config.study);
    case "form":
      return form(step, wrong);
    case "check":
      return check(step, config.stimuli, durable);
    case "instructions":
      return instructions(step);
    case "comprehension":
      return comprehension(step, wrong);
    case "intuitiveness":
      return intuitiveness(step);
    case "break":
      return pause(step);
    case "debrief":
      return debrief(step, wrong);
  }
}
