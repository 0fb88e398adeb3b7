import type { JsPsych, JsPsychPlugin, TrialType } from "jspsych";

import { Watch } from "../watch";
import { info, type Answer, type Side, type Verdict, type Words } from "./info";
import { Screen } from "./screen";

type Info = typeof info;
type Trial = TrialType<Info>;
type SimulationOptions = { data?: Partial<Answer> };

/** One two-alternative forced choice with confidence; see `info` for what it takes and records. */
export class ForcedChoicePlugin implements JsPsychPlugin<Info> {
  static info = info;

  constructor(private readonly jsPsych: JsPsych) {}

  async trial(display_element: HTMLElement, trial: Trial, on_load?: () => void) {
    const { screen, answered } = await present(display_element, trial);
    on_load?.();
    const answer = await answered;
    return { ...answer, solution: await judge(trial, answer, screen) };
  }

  /** Answer by itself: `simulation_options.data` may give choice, confidence and rt; the rest is measured. */
  async simulate(trial: Trial, mode: "data-only" | "visual", options: SimulationOptions, on_load: () => void) {
    const { screen, answered } = await present(this.jsPsych.getDisplayElement(), trial);
    on_load();
    const { choice, confidence, rt } = this.simulated(options);
    const press = () => screen.press(choice, confidence);
    if (mode === "visual") setTimeout(press, rt);
    else press();
    const answer: Answer = { ...(await answered), rt, input: "simulated" };
    const hurried = mode === "data-only" ? { ...trial, feedback_delay: 0, feedback_duration: 0 } : trial;
    return { ...answer, solution: await judge(hurried, answer, screen) };
  }

  private simulated(options: SimulationOptions): Pick<Answer, "choice" | "confidence" | "rt"> {
    const { randomization } = this.jsPsych;
    return {
      choice: randomization.sampleWithReplacement(["top", "bottom"], 1)[0] as Side,
      confidence: randomization.randomInt(1, 3),
      rt: randomization.sampleExGaussian(2500, 400, 1 / 1200, true),
      ...options.data,
    };
  }
}

/** Show the trial, and promise its answer: the first press after the frame that showed it, and no other. */
async function present(display: HTMLElement, trial: Trial): Promise<{ screen: Screen; answered: Promise<Answer> }> {
  const keys: Record<Side, string[]> = { top: trial.keys_top ?? [], bottom: trial.keys_bottom ?? [] };
  let choose: (side: Side, confidence: number, event: Event) => void = () => undefined;
  const shown = {
    query_top: trial.query_top,
    query_bottom: trial.query_bottom,
    references_left: trial.references_left ?? [],
    references_right: trial.references_right ?? [],
    words: trial.words as Words,
    keys,
    min_px: trial.min_px ?? 0,
  };
  const screen = new Screen(display, shown, (side, confidence, event) => choose(side, confidence, event));
  const shownAt = await screen.open();
  const watch = new Watch();
  screen.onCover = (covered) => watch.cover(covered);
  const answered = new Promise<Answer>((resolve) => {
    const onKey = (event: KeyboardEvent) => {
      if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
      for (const side of ["top", "bottom"] as const) {
        const place = keys[side].indexOf(event.code);
        if (place >= 0) choose(side, place + 1, event);
      }
    };
    choose = (choice, confidence, event) => {
      if (event.timeStamp < shownAt || screen.isTooSmall) return; // pressed when nothing was to be seen
      choose = () => undefined; // locked
      document.removeEventListener("keydown", onKey);
      screen.markChosen(choice);
      const rt = event.timeStamp - shownAt;
      const shown_at = performance.timeOrigin + shownAt;
      resolve({ choice, confidence, rt, input: inputOf(event), shown_at, ...watch.stop(), ...surroundings(screen) });
    };
    document.addEventListener("keydown", onKey);
  });
  return { screen, answered };
}

/** Hand the answer over and show the verdict when it has come. */
async function judge(trial: Trial, answer: Answer, screen: Screen): Promise<Side | null> {
  const submit = trial.submit as (answer: Answer) => Promise<Verdict | null>;
  const impatient = setTimeout(() => screen.markSaving(), trial.patience ?? 2000);
  const [verdict] = await Promise.all([submit(answer), pause(trial.feedback_delay ?? 0)]);
  clearTimeout(impatient);
  if (verdict) {
    screen.markSolution(verdict.solution);
    await pause(trial.feedback_duration ?? 0);
  }
  screen.close();
  return verdict?.solution ?? null;
}

function surroundings(screen: Screen) {
  return {
    query_px: screen.layout.query,
    reference_px: screen.root.querySelector(".panel img") ? screen.layout.reference : null,
    window_width: window.innerWidth,
    window_height: window.innerHeight,
    pixel_ratio: window.devicePixelRatio * (window.visualViewport?.scale ?? 1), // fingers magnify it, too
    fullscreen: document.fullscreenElement !== null,
  };
}

/** Mouse, touch or pen by the pointer event; a click without a pointer came from Enter or the space bar. */
function inputOf(event: Event): string {
  const pointer = event instanceof PointerEvent ? event.pointerType : "";
  if (pointer === "mouse" || pointer === "touch" || pointer === "pen") return pointer;
  return event instanceof MouseEvent && event.detail > 0 ? "mouse" : "keyboard";
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
