/** The JSON files that `exemplum gallery` writes (src/exemplum/gallery/overview_files.py, unit_files.py). */

/** gallery.json: the folders of the present gallery. */
export interface Site {
  images: string;
  pictures: string;
  data: string;
}

export interface View {
  method: string;
  references: number;
  difficulty: string;
  observer: string;
}

export interface Spread {
  q05: number;
  q95: number;
  mean: number;
}

export interface LayerScores extends Spread {
  view: number;
  counts: number[]; // units per accuracy 0, 1/20, … 1
  nulls: Record<string, Spread>;
}

/** Where the cells of a map lie, in shares of the image's side: rows, then columns. */
export interface Grid {
  cells: [number, number];
  stride: [number, number];
  first: [number, number];
}

export interface LayerFacts {
  name: string;
  first: number; // place of its first unit among all units
  units: number;
  isDictionary: boolean;
  readFrom: string;
  branches: Record<string, number>;
  dead: number;
  rare: number;
  grid: Grid | null;
  faces: [channel: number, image: number][];
  scores: LayerScores[];
}

/** network.json */
export interface Network {
  study: string;
  network: string;
  images: string;
  count: number;
  exact: boolean;
  sampled: number;
  objective: string;
  relu: string;
  made: string;
  version: string;
  side: number;
  thumb: number;
  across: number;
  perSheet: number;
  gridImages: number;
  chunk: number;
  branches: string[];
  views: View[];
  nulls: string[];
  methods: string[];
  labels: [key: string, value: string, fans: number][];
  likedTop: number;
  sharedTop: number;
  observers: [name: string, kind: string][];
  hasPeople: boolean;
  hasTrials: boolean;
  notice: string;
  layers: LayerFacts[];
}

export type Answers = [answers: number, correct: number];
export type Column = (number | null)[];

/** layers/N.json: a column per fact, with an entry per unit. */
export interface LayerColumns {
  channel: number[];
  branch: number[];
  flags: number[]; // 1 dead, 2 rare
  std: Column;
  high: Column;
  active: number[];
  thumbs: number[][];
  likes: number[][];
  scores: { score: Column; accuracy: Column }[];
  role: number[]; // 1 main, 2 practice
  methods: number[][];
  people: (Answers | null)[] | null;
  machine: (Answers | null)[] | null;
}

export type Shown = number | string; // an image of the gallery, or a file of the pictures
export type Exemplar = [
  image: number,
  activation: number | null,
  top: number,
  left: number,
  bottom: number,
  right: number,
];
export type MadePicture = [
  shown: Shown,
  activation: number | null,
  percentile: number | null,
  margin: number | null,
  failed: boolean,
];
export type ScoreRow = [
  view: number,
  nullNumber: number,
  accuracy: number | null,
  low: number | null,
  high: number | null,
  score: number | null,
  tasks: number,
];

export interface Task {
  kind: string;
  condition: string;
  difficulty: string;
  scheme: string;
  queries: [max: Shown, min: Shown];
  margin: number | null;
  answers: Record<string, Answers>;
}

/** units/N.json: an array of these. */
export interface UnitDetails {
  unit: string;
  count: number;
  active: number;
  std: number | null;
  low: number | null;
  high: number | null;
  quantiles: Column; // 1, 5, 25, 50, 75, 95, 99 %
  counts: number[];
  max: Exemplar[];
  min: Exemplar[];
  maps: { low: number; high: number; data: string } | null;
  ladder: number[];
  ladderActivations: Column;
  along: number[]; // an image of each bin of the distribution; −1 for an empty one
  alongActivations: Column;
  likes: [label: number, count: number, of: number, share: number][];
  alike: [unit: number, correlation: number][];
  sharing: [unit: number, images: number][];
  scores: ScoreRow[];
  pictures: { method: string; max: MadePicture[]; min: MadePicture[] }[];
  tasks: Task[];
}

/** images.json */
export interface ImageFacts {
  ids: string[];
  labels: number[][];
  texts: string[];
}
