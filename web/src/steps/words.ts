import type { Words } from "../forced-choice/info";
import { has, say } from "../texts";

/** The words of a trial's screen. `references` says whether any are shown: without, there is nothing to compare with. */
export function trialWords(references: boolean): Words {
  return {
    question: say(references ? "trial.question" : "trial.question_none"),
    question_upright: say(references ? "trial.question_upright" : "trial.question_none"),
    title_left: say("trial.left.title"),
    title_right: say("trial.right.title"),
    more_confident: say("trial.more_confident"),
    query_top: say("trial.top.image"),
    query_bottom: say("trial.bottom.image"),
    reference_left: say("trial.left.image"),
    reference_right: say("trial.right.image"),
    choose_top: say("trial.top.choose"),
    choose_bottom: say("trial.bottom.choose"),
    hint: say("trial.keys"),
    saving: say("trial.saving"),
    solution_top: say("trial.top.solution"),
    solution_bottom: say("trial.bottom.solution"),
    small_title: say("window.title"),
    small_size: say("window.size"),
    small_text: say("window.text"),
  };
}

/** A condition's title and lead, or those for a method without texts of its own, or for a block of several conditions. */
export function conditionText(condition: string, part: "title" | "lead"): [string, Record<string, string>] {
  if (condition === "") return [`block.several.${part}`, {}];
  const key = `condition.${condition}.${part}`;
  return has(key) ? [key, {}] : [`condition.other.${part}`, { method: condition }];
}
