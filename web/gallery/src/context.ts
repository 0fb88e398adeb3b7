/** What every page of the gallery is given. */

import type { Data } from "./data";
import type { Pictures } from "./pictures";
import type { UnitRow } from "./unit-table";
import { rows } from "./unit-table";

export interface Page {
  title: string;
  element: HTMLElement;
  enter?: () => void; // what needs the page to have its width
  unit?: number; // the place of the unit that the page shows
  returned?: (unit: number, scroll: boolean) => void; // from a unit's page: gives the unit the focus if it is here
  leave?: () => void; // what to stop when another page is shown
  key?: (event: KeyboardEvent) => boolean; // whether the page has used a key
}

export class Context {
  /** The units of the grid that was looked at last, for "previous" and "next". */
  walked: number[] = [];
  /** The address of that grid. */
  back = "";
  readonly #rows = new Map<number, UnitRow[]>();

  constructor(
    readonly data: Data,
    readonly pictures: Pictures,
  ) {}

  get network() {
    return this.data.network;
  }

  /** How many units there are. */
  get count(): number {
    return this.network.layers.reduce((sum, layer) => sum + layer.units, 0);
  }

  /** The name of a unit drawn at random. */
  anyUnit(): string {
    return this.data.nameOf(Math.floor(Math.random() * this.count));
  }

  /** The units of these layers, by number. */
  async units(layers: number[]): Promise<UnitRow[]> {
    const found = await Promise.all(
      layers.map(async (number) => {
        const columns = await this.data.layer(number);
        if (!this.#rows.has(number)) this.#rows.set(number, rows(this.network, number, columns));
        return this.#rows.get(number)!;
      }),
    );
    return found.flat();
  }

  /** The unit at a place among all units. */
  async unit(place: number): Promise<UnitRow> {
    const number = this.data.layerOf(place);
    const units = await this.units([number]);
    return units[place - this.network.layers[number]!.first]!;
  }
}
