import type { Accepted, AnswerBody, BlockStep } from "../contract";
import { flush, log, logTrial } from "../events";
import type { Answer, Verdict } from "../forced-choice/info";
import { ForcedChoicePlugin } from "../forced-choice/plugin";
import { restoreFullscreen } from "../fullscreen";
import { uuid } from "../identity";
import { at, load, release } from "../images";
import { ask } from "../page";
import type { Session } from "../session";
import { isSimulated, run, showProgress, type Node } from "../stage";
import { html, paragraphs, say } from "../texts";
import { conditionText, trialWords } from "./words";

/** Announce the block while its images load, then show its trials one by one. */
export async function block(step: BlockStep, session: Session, min_px: number): Promise<void> {
  const preload = new Preload(step.images);
  await announce(step, preload, session.resumed || step.answered > 0);
  await preload.finished;
  await restoreFullscreen();
  const observed = await observe(step);
  const least = isSimulated() ? 0 : min_px;
  await run(step.trials.slice(step.answered).map((trial) => trialNode(step, trial, session, least, observed.get(trial.trial))));
  release();
  void flush();
}

export async function announce(step: BlockStep, preload: Preload, back: boolean): Promise<void> {
  const [title, fillTitle] = conditionText(step.condition, "title");
  const [lead, fillLead] = conditionText(step.condition, "lead");
  const kind = !step.practice ? "number" : step.round > 1 ? "practice_again" : "practice";
  const place = html(`block.${kind}`, { number: step.number, of: step.of, round: step.round });
  const resumed = back ? paragraphs("block.resumed", { left: step.trials.length - step.answered }) : "";
  const practice = step.practice ? paragraphs(`block.${kind}_lead`) : "";
  const body = `${paragraphs(lead, fillLead)}${sides(step)}${practice}${resumed}<p class="loading" role="status"></p>`;
  await ask(`<article class="card"><p class="eyebrow">${place}</p><h1>${html(title, fillTitle)}</h1>${body}</article>`, [
    say(back ? "block.resume" : "block.start"),
  ], (page) => void enableWhenLoaded(preload, page));
}

/** Loads the images of a block, and tells how far it is. */
export class Preload {
  share = 0;
  onProgress: () => void = () => undefined;
  readonly finished: Promise<void>;

  constructor(images: string[]) {
    this.finished = load(images, (share) => {
      this.share = share;
      this.onProgress();
    }).then((loaded) => log("preload", { ...loaded }));
  }
}

/** The button works when every image of the block is in memory. */
async function enableWhenLoaded(preload: Preload, page: HTMLElement): Promise<void> {
  const button = page.querySelector<HTMLButtonElement>(".primary")!;
  const line = page.querySelector<HTMLElement>(".loading")!;
  button.disabled = !isSimulated();
  preload.onProgress = () => (line.textContent = say("block.loading", { percent: Math.round(100 * preload.share) }));
  await preload.finished;
  line.textContent = say("block.ready");
  button.disabled = false;
}

/** What stands at the sides in this block. */
function sides({ layout }: BlockStep): string {
  if (layout.left + layout.right === 0) return "";
  const number = Math.max(layout.left, layout.right);
  const key = layout.left === 0 ? "block.only_right" : layout.right === 0 ? "block.only_left" : "block.both";
  return paragraphs(`${key}${number === 1 ? "_one" : ""}`, { number });
}

export function trialNode(
  step: BlockStep,
  trial: BlockStep["trials"][number],
  session: Session,
  min_px: number,
  observed?: Partial<Answer>,
): Node {
  const { references, queries } = trial;
  return {
    type: ForcedChoicePlugin,
    query_top: () => at(queries.top),
    query_bottom: () => at(queries.bottom),
    references_left: () => references.left.map(at),
    references_right: () => references.right.map(at),
    words: trialWords(step.layout.left + step.layout.right > 0),
    min_px,
    submit: (answer: Answer) => submit(trial.trial, answer, session),
    css_classes: ["trial-page"],
    data: { trial: trial.trial },
    simulation_options: { data: observed ?? {} },
    on_load: () => logTrial(trial.trial),
  };
}

async function submit(trial: string, answer: Answer, session: Session): Promise<Verdict> {
  const body: AnswerBody = {
    trial,
    key: uuid(),
    choice: answer.choice,
    confidence: answer.confidence,
    rt_ms: Math.max(0, answer.rt),
    shown_at: answer.shown_at,
    frame_ms: answer.frame_ms ?? 0, // unknown
    frames_late: answer.frames_late,
    hidden_ms: answer.hidden_ms,
    blurs: answer.blurs,
    query_px: answer.query_px,
    reference_px: answer.reference_px,
    pixel_ratio: answer.pixel_ratio,
    input: answer.input,
  };
  const { window_width, window_height, fullscreen } = answer;
  log("press", { answer: answer.choice, window_width, window_height, fullscreen }, trial);
  const accepted: Accepted = await session.answer(body);
  showProgress(accepted.progress);
  return { solution: accepted.verdict.solution };
}

declare global {
  interface Window {
    /** In a simulated session, what a test's observer answers on a trial. */
    exemplumObserver?: (trial: string) => Promise<Partial<Answer>>;
  }
}

/** The answers of a test's observer, by trial. */
async function observe(step: BlockStep): Promise<Map<string, Partial<Answer>>> {
  const given = new Map<string, Partial<Answer>>();
  const observer = window.exemplumObserver;
  if (observer) for (const { trial } of step.trials) given.set(trial, await observer(trial));
  return given;
}
