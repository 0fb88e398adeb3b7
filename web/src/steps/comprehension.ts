import type { ComprehensionStep, Done } from "../contract";
import { isSimulated } from "../stage";
import { html, paragraphs, say } from "../texts";
import { questions } from "./form";

/** What a simulated participant answers; the server says whether an answer is correct. */
const SIMULATED = { shown_on_the_right: "strong", image_to_choose: "goes_with_right" };

/** Two questions about the task; the server shows the instructions once more if one was not answered correctly. */
export async function comprehension(step: ComprehensionStep, wrong = ""): Promise<Done> {
  if (isSimulated()) return { shown_at: performance.timeOrigin + performance.now(), ms: 0, visible_ms: 0, data: SIMULATED };
  return questions(html("comprehension.title"), paragraphs("comprehension.lead"), step.fields, say("comprehension.check"), wrong);
}
