import { ParameterType } from "jspsych";

/** What a forced-choice trial takes and what it records. Lengths are CSS pixels, times milliseconds. */
export const info = <const>{
  name: "forced-choice",
  version: "1.0.0",
  parameters: {
    /** The query image that stands above. */
    query_top: { type: ParameterType.IMAGE, default: undefined, preload: false },
    /** The query image that stands below. */
    query_bottom: { type: ParameterType.IMAGE, default: undefined, preload: false },
    /** Minimally activating references, shown on the left: nine, one or none. */
    references_left: { type: ParameterType.IMAGE, array: true, default: [], preload: false },
    /** Maximally activating references, shown on the right: nine, one or none. */
    references_right: { type: ParameterType.IMAGE, array: true, default: [], preload: false },
    /** The words on the screen; see Words. */
    words: { type: ParameterType.OBJECT, default: undefined },
    /** Images smaller than this are not shown: the trial waits for a larger window. */
    min_px: { type: ParameterType.FLOAT, default: 0 },
    /** Physical keys (KeyboardEvent.code) that choose the upper image with confidence 1, 2, 3. */
    keys_top: { type: ParameterType.STRING, array: true, default: ["KeyQ", "KeyW", "KeyE"] },
    /** Physical keys that choose the lower image with confidence 1, 2, 3. */
    keys_bottom: { type: ParameterType.STRING, array: true, default: ["KeyA", "KeyS", "KeyD"] },
    /**
     * Takes the answer (Answer) at once and gives a promise of the verdict (Verdict), which only the server knows.
     * It resolves when the answer is safe, and null means that no verdict is to be shown.
     */
    submit: { type: ParameterType.FUNCTION, default: undefined },
    /** Time from the answer to the frame around the right image; longer if the verdict comes later. */
    feedback_delay: { type: ParameterType.INT, default: 500 },
    /** How long the frame around the right image stays. */
    feedback_duration: { type: ParameterType.INT, default: 1500 },
    /** How long without a verdict until the screen says that it is still saving. */
    patience: { type: ParameterType.INT, default: 2000 },
  },
  data: {
    /** The query chosen: top or bottom. */
    choice: { type: ParameterType.STRING },
    /** 1 (not confident) to 3 (very confident). */
    confidence: { type: ParameterType.INT },
    /** Time in ms from the first frame that showed the trial to the time stamp of the answering event. */
    rt: { type: ParameterType.FLOAT },
    /** What answered: mouse, touch, pen or keyboard. */
    input: { type: ParameterType.STRING },
    /** When the trial was shown, in ms since 1970 by the participant's clock. */
    shown_at: { type: ParameterType.FLOAT },
    /** Median time in ms between two frames while the trial stood; null if fewer than two were drawn. */
    frame_ms: { type: ParameterType.FLOAT },
    /** Frames that took more than 1.5 times the median while the trial stood. */
    frames_late: { type: ParameterType.INT },
    /** How long in ms the trial was not to be seen while it stood: the page hidden, or the window too small. */
    hidden_ms: { type: ParameterType.FLOAT },
    /** How often the window lost the focus while the trial stood. */
    blurs: { type: ParameterType.INT },
    /** Side of a query image in CSS pixels. */
    query_px: { type: ParameterType.FLOAT },
    /** Side of a reference image in CSS pixels; 0 without references. */
    reference_px: { type: ParameterType.FLOAT },
    /** Width of the window in CSS pixels. */
    window_width: { type: ParameterType.INT },
    /** Height of the window in CSS pixels. */
    window_height: { type: ParameterType.INT },
    /** Device pixels per CSS pixel: of the screen, times the zoom of the page. */
    pixel_ratio: { type: ParameterType.FLOAT },
    /** Whether the window filled the screen. */
    fullscreen: { type: ParameterType.BOOL },
    /** Where the right image stood by the server's verdict: top or bottom; null without feedback. */
    solution: { type: ParameterType.STRING },
  },
};

export type Side = "top" | "bottom";

/** What a trial records before the verdict; the fields are declared in `info.data`. */
export interface Answer {
  choice: Side;
  confidence: number;
  rt: number;
  input: string;
  shown_at: number;
  frame_ms: number | null;
  frames_late: number;
  hidden_ms: number;
  blurs: number;
  query_px: number;
  reference_px: number | null; // null without references
  window_width: number;
  window_height: number;
  pixel_ratio: number;
  fullscreen: boolean;
}

export interface Verdict {
  solution: Side;
}

/** The words of a trial's screen; {n} stands for a number. */
export interface Words {
  question: string;
  question_upright: string; // where the references stand above the queries
  title_left: string;
  title_right: string;
  more_confident: string;
  query_top: string; // alternative text of the upper query
  query_bottom: string;
  reference_left: string; // alternative text of a reference, with {n}
  reference_right: string;
  choose_top: string; // label of a confidence button, with {n}
  choose_bottom: string;
  hint: string; // about the keys
  saving: string; // when the verdict is late
  solution_top: string; // said to screen readers when the verdict comes
  solution_bottom: string;
  small_title: string; // while the window is too small
  small_size: string; // with {px} and {min}
  small_text: string;
}
