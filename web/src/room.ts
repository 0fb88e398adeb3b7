/** Whether this window, and this screen, can show every image of the study large enough. */

import type { Config } from "./contract";
import { smallest } from "./geometry";

export interface Room {
  px: number; // side of the smallest image, in CSS pixels
  enough: boolean;
}

/** The room of the window as it is. */
export function room(stimuli: Config["stimuli"]): Room {
  return of(stimuli, [[innerWidth, innerHeight]]);
}

/** The most room that the window can be given: the whole screen, held upright or sideways. */
export function mostRoom(stimuli: Config["stimuli"]): Room {
  return of(stimuli, [[screen.width, screen.height], [screen.height, screen.width], [innerWidth, innerHeight]]);
}

function of({ references, side_px, min_px }: Config["stimuli"], windows: [number, number][]): Room {
  const given = { references, natural: side_px };
  const px = Math.max(...windows.map(([width, height]) => smallest(width, height, given, devicePixelRatio)));
  return { px, enough: px >= min_px };
}
