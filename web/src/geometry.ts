/** How large the images of a trial may be, from the room that is left for them. All lengths in CSS pixels. */

export interface Room {
  width: number; // of the stage
  height: number;
  choices: number; // height of one row of confidence buttons, with its margins
  centre: number; // width of that row
  title: number; // height of a panel's title, with its margin; also of the line above the queries
  natural: number; // pixels of the images themselves
  gap: number; // between neighbouring images of a panel; frames need three times as much
}

export interface Panels {
  sides: 0 | 1 | 2; // panels of references
  references: number; // in each panel: 9 stand in a 3 × 3 grid, 1 is shown big
}

export interface Sizes {
  query: number; // side of a query image
  reference: number; // side of a reference image
}

const LEAST = 48; // below this nobody recognises anything
const ALONE = 1.5; // a single reference may be this much larger than a query
const MAGNIFIED = 3; // more than three times its own pixels and an image is only blurred …
const VISIBLE = 0.27; // … but this share of the height is shown on any screen: an image of 96 px on 4K as on a smaller one
const QUERY_SHARE = 0.25; // of the stage's width that the queries may take beside two panels of nine

/** The largest square sizes that fit the room, snapped down to whole device pixels so that images are not resampled twice. */
export function fit(room: Room, panels: Panels, devicePixelRatio = 1): Sizes {
  const columns = columnsOf(panels.references);
  const queryByHeight = (room.height - 2 * room.choices - 7 * room.gap) / 2; // 3 between the rows, 2 for the frames above and below
  const queryByWidth = panels.sides === 0 ? room.width : Math.max(220, room.width * QUERY_SHARE);
  const query = Math.min(queryByHeight, queryByWidth);
  // The queries stay at the centre also where there is one panel: each side has the same room.
  const side = (room.width - Math.max(query, room.centre)) / 2 - 4 * room.gap;
  const inner = (columns - 1) * room.gap;
  const byWidth = (side - inner) / columns;
  const byHeight = (room.height - room.title - inner) / columns;
  const alone = panels.references === 1 ? ALONE * query : Infinity;
  const reference = panels.sides === 0 ? 0 : Math.max(LEAST, Math.min(byWidth, byHeight, alone));
  const most = Math.max(MAGNIFIED * room.natural, VISIBLE * room.height);
  return {
    query: snap(Math.min(most, Math.max(LEAST, query)), devicePixelRatio),
    reference: snap(Math.min(most, reference), devicePixelRatio),
  };
}

/** Columns of the grid of n references: 9 → 3, 4 → 2, 1 → 1. */
export function columnsOf(references: number): number {
  return Math.max(1, Math.ceil(Math.sqrt(references)));
}

function snap(length: number, devicePixelRatio: number): number {
  return Math.floor(length * devicePixelRatio) / devicePixelRatio;
}
