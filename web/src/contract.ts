/** What the server sends; docs/server-api.md says what each field means. */

import type { Side } from "./forced-choice/info";

export interface Config {
  study: { title: string; contact: string };
  languages: string[];
  language: string;
  lab: boolean;
  open: boolean; // to this link
  pilot: boolean; // whether answers by this link are a pilot's
  store: string; // names what the browser keeps for this study
  asset: string;
  stimuli: {
    references: number; // most at one side, over all trials
    side_px: number; // of the images themselves
    min_px: number; // side below which no image is shown, in CSS pixels
  };
}

export interface Progress {
  answered: number;
  total: number;
}

export interface State {
  study: { title: string };
  language: string;
  pilot: boolean;
  progress: Progress & { step: number; steps: number };
  step: Step;
}

export interface Started {
  token: string;
  resumed: boolean;
  state: State;
}

export interface Field {
  name: string;
  type: "integer" | "choice" | "text";
  required: boolean;
  min: number | null;
  max: number | null;
  max_length: number | null;
  options: string[];
}

export interface Layout {
  left: number;
  right: number;
}

export interface Images {
  references: { left: string[]; right: string[] };
  queries: Record<Side, string>;
}

export interface Example extends Images {
  condition: string;
  layout: Layout;
  solution: Side;
  alike: boolean; // a machine found that the correct query has more in common with its references than the other has
}

export interface Score {
  correct: number;
  trials: number;
}

/** What participants are told that they get; `currency` is a code such as GBP. */
export interface Pay {
  amount: number;
  currency: string;
  bonus: "none" | "fixed" | "accuracy";
  bonus_amount: number; // of accuracy: at most
  bonus_from: number; // of accuracy: share of correct answers up to which there is none
}

export interface ConsentStep { id: string; kind: "consent"; minutes: number | null; pay: Pay | null }
export interface FormStep { id: string; kind: "form"; form: string; fields: Field[] }
export interface CheckStep { id: string; kind: "check"; min_width: number; min_height: number; fullscreen: boolean }
export interface InstructionsStep {
  id: string;
  kind: "instructions";
  conditions: string[]; // in the order in which they come
  examples: Example[];
  // minutes: of the whole study; bonus: whether one depends on the answers
  course: { blocks: number; trials: number; minutes: number | null; practice: boolean; bonus: boolean };
  round: number; // from 1; after a failed comprehension check they come again
  missed: string[]; // questions of that check
}
export interface ComprehensionStep { id: string; kind: "comprehension"; fields: Field[]; round: number }
export interface IntuitivenessStep {
  id: string;
  kind: "intuitiveness";
  phase: "before" | "after";
  items: { item: string; pictures: { condition: string; images: string[] }[] }[];
  min: number;
  max: number;
}
export interface BlockStep {
  id: string;
  kind: "block";
  number: number;
  of: number;
  practice: boolean;
  round: number; // from 1; a practice block may come again
  condition: string; // empty if it changes from trial to trial
  layout: Layout;
  answered: number;
  trials: (Images & { trial: string })[];
  images: string[];
}
export interface BreakStep {
  id: string;
  kind: "break";
  number: number;
  of: number;
  practice: boolean;
  score: Score;
  last: boolean;
  again: boolean; // the practice block comes once more
  min_ms: number;
}
export interface DebriefStep { id: string; kind: "debrief"; fields: Field[]; score: Score | null }
export interface FinishedStep {
  id: string;
  kind: "finished";
  outcome: string;
  code: string;
  redirect: string;
  answered: number;
}
export type Step =
  | ConsentStep
  | FormStep
  | CheckStep
  | InstructionsStep
  | ComprehensionStep
  | IntuitivenessStep
  | BlockStep
  | BreakStep
  | DebriefStep
  | FinishedStep;

/** How long a step stood, and what was entered. */
export interface Done {
  shown_at: number;
  ms: number;
  visible_ms: number;
  data: Record<string, unknown>;
}

export interface AnswerBody {
  trial: string;
  key: string;
  choice: Side;
  confidence: number;
  rt_ms: number;
  shown_at: number;
  frame_ms: number;
  frames_late: number;
  hidden_ms: number;
  blurs: number;
  query_px: number;
  reference_px: number | null; // null without references
  pixel_ratio: number;
  input: string;
}

export interface Accepted {
  trial: string;
  verdict: { solution: Side; correct: boolean };
  progress: Progress;
  block_done: boolean;
}
