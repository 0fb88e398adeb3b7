/** The gallery's files: each is fetched once, when it is first needed. */

import type { ImageFacts, LayerColumns, Network, Site, UnitDetails } from "./contract";

export class Data {
  readonly #held = new Map<string, Promise<unknown>>();
  #unitLayers: { name: string; first: number }[];

  private constructor(
    readonly site: Site,
    readonly network: Network,
  ) {
    this.#unitLayers = network.layers;
  }

  static async open(): Promise<Data> {
    const site = await fetched<Site>("gallery.json");
    return new Data(site, await fetched<Network>(`${site.data}/network.json`));
  }

  layer(number: number): Promise<LayerColumns> {
    return this.#once(`layers/${number}.json`);
  }

  images(): Promise<ImageFacts> {
    return this.#once("images.json");
  }

  /** The details of the unit at this place among all units. */
  async unit(place: number): Promise<UnitDetails> {
    const { chunk } = this.network;
    const found = await this.#once<UnitDetails[]>(`units/${Math.floor(place / chunk)}.json`);
    return found[place % chunk]!;
  }

  /** The layer of the unit at this place, by its number. */
  layerOf(place: number): number {
    let found = 0;
    this.#unitLayers.forEach((layer, number) => {
      if (layer.first <= place) found = number;
    });
    return found;
  }

  /** The place of a unit by name; −1 if there is none. Channels of a layer are without gaps. */
  placeOf(unit: string): number {
    const at = unit.lastIndexOf(":");
    const layer = this.network.layers.find((each) => each.name === unit.slice(0, at));
    const channel = Number(unit.slice(at + 1));
    const is = layer && /^\d+$/.test(unit.slice(at + 1)) && channel < layer.units;
    return is ? layer.first + channel : -1;
  }

  nameOf(place: number): string {
    const layer = this.network.layers[this.layerOf(place)]!;
    return `${layer.name}:${place - layer.first}`;
  }

  #once<T>(path: string): Promise<T> {
    let held = this.#held.get(path) as Promise<T> | undefined;
    if (!held) {
      held = fetched<T>(`${this.site.data}/${path}`);
      this.#held.set(path, held);
      held.catch(() => this.#held.delete(path)); // so that it can be tried again
    }
    return held;
  }
}

async function fetched<T>(path: string): Promise<T> {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path} is missing (${answer.status}); build the gallery again: exemplum gallery STUDY`);
  return (await answer.json()) as T;
}
