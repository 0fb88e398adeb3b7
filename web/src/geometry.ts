/** Where everything of a trial's screen is: a function of the window alone, not of any words. Lengths in CSS pixels. */

/** The room of a trial's screen within its padding, and the window's font size. */
export interface Box {
  width: number;
  height: number;
  rem: number;
  portrait: boolean; // the window is higher than wide
}

export interface Stimuli {
  references: number; // most at one side: 9 stand in a 3 × 3 grid, 1 is shown big
  natural: number; // pixels of the images themselves
}

export interface Layout {
  portrait: boolean; // the references stand above the queries, not beside them
  question: number; // heights of the rows …
  hint: number;
  title: number; // … of a panel's title
  choices: number; // … of a row of confidence buttons
  middle: number; // … between the two rows
  gap: number; // between neighbouring images of a panel
  centre: number; // width of the queries' column
  above: number; // height of the panels where they stand above the queries
  query: number; // side of a query image, whatever stands beside it
  reference: number; // side of a reference image
}

export const REM = {
  question: 1.5, // of one line
  below_question: 0.6,
  hint: 1.75,
  title: 1.875,
  choices: 4,
  middle: 1.2,
  gap: 0.4,
  buttons: 10.1, // width of three with two gaps
};
const PADDING = { sides: 1, top: 0.7, bottom: 0.5 }; // rem; as .trial in style.css
const BAR = 6; // px of progress above it
const FONT = { share: 0.016, least: 15, most: 36 }; // of the window's shorter side; as :root in style.css
const ONE_LINE = 62; // rem of width in which a question fits one line
const LEAST = 48; // below this nobody recognises anything
const ALONE = 1.5; // a single reference may be this much larger than a query
const MAGNIFIED = 3; // more than three times its own pixels and an image is only blurred …
const VISIBLE = 0.27; // … but this share of the height is shown on any screen: an image of 96 px on 4K as on a smaller one
const QUERY_SHARE = 0.25; // of the width that the queries may take beside the panels …
const QUERY_LEAST = 220; // … and which they may take in any window
const PANEL_SHARE = 0.42; // of the height that the panels may take above the queries

/** The room of a trial that fills a window of this size. */
export function boxOf(width: number, height: number): Box {
  const rem = Math.min(FONT.most, Math.max(FONT.least, FONT.share * Math.min(width, height)));
  return {
    width: width - 2 * PADDING.sides * rem,
    height: height - BAR - (PADDING.top + PADDING.bottom) * rem,
    rem,
    portrait: width < height,
  };
}

/**
 * The largest square images that fit, snapped down to whole device pixels so that images are not resampled twice.
 * `hinted`: with a line about the keys below.
 */
export function arrange(box: Box, { references, natural }: Stimuli, devicePixelRatio = 1, hinted = true): Layout {
  const { rem, portrait } = box;
  const lines = box.width < ONE_LINE * rem ? 2 : 1;
  const question = (lines * REM.question + REM.below_question) * rem;
  const hint = hinted ? REM.hint * rem : 0;
  const [title, choices, middle, gap] = [REM.title * rem, REM.choices * rem, REM.middle * rem, REM.gap * rem];
  const height = box.height - question - hint;
  const most = Math.max(MAGNIFIED * natural, VISIBLE * height);
  const between = 4 * gap; // panels and queries
  const across = (box.width - between) / 2;
  const above = portrait ? Math.min(across, PANEL_SHARE * height) + title : 0;
  const rows = 2 * choices + middle + between; // the last for the frames above and below
  const byHeight = (height - (portrait ? above + between : 0) - rows) / 2;
  const byWidth = portrait ? box.width : Math.max(QUERY_LEAST, QUERY_SHARE * box.width);
  const query = snap(Math.min(most, Math.max(LEAST, Math.min(byHeight, byWidth))), devicePixelRatio);
  const centre = Math.max(query, REM.buttons * rem);
  // The queries stay at the centre also where there is one panel: each side has the same room.
  const side = portrait ? Math.min(across, above - title) : Math.min((box.width - centre) / 2 - between, height - title);
  const columns = columnsOf(references);
  const alone = references === 1 ? ALONE * query : Infinity;
  const reference = Math.max(LEAST, Math.min((side - (columns - 1) * gap) / columns, alone));
  return {
    portrait, question, hint, title, choices, middle, gap, centre, above, query,
    reference: snap(Math.min(most, reference), devicePixelRatio),
  };
}

/** Side of the smallest image that a window of this size shows. */
export function smallest(width: number, height: number, stimuli: Stimuli, devicePixelRatio = 1): number {
  return smallestOf(arrange(boxOf(width, height), stimuli, devicePixelRatio), stimuli.references);
}

/** Side of the smallest image of a layout with so many references at one side. */
export function smallestOf({ query, reference }: Layout, references: number): number {
  return references > 0 ? Math.min(query, reference) : query;
}

/** Columns of the grid of n references: 9 → 3, 4 → 2, 1 → 1. */
export function columnsOf(references: number): number {
  return Math.max(1, Math.ceil(Math.sqrt(references)));
}

function snap(length: number, devicePixelRatio: number): number {
  return Math.floor(length * devicePixelRatio) / devicePixelRatio;
}
