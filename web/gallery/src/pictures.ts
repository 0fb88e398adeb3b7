/** Images: thumbnails from the sprite sheets, and larger ones. */

import type { Shown } from "./contract";
import type { Data } from "./data";
import { h } from "./dom";

export class Pictures {
  #ready: Promise<void> | undefined;
  readonly #sheets: HTMLImageElement[] = []; // stay decoded in memory as long as something refers to them

  constructor(private readonly data: Data) {}

  /** A thumbnail of `size` CSS pixels, a part of its sheet; decoration, whose link or button has the name. */
  thumb(image: number, size: number): HTMLElement {
    const made = h("span.thumb", { "aria-hidden": "true" });
    this.show(made, image, size);
    return made;
  }

  /** Let an element show another image. */
  show(element: HTMLElement, image: number, size: number): void {
    const { across, perSheet } = this.data.network;
    const { style } = element;
    style.width = style.height = `${size}px`;
    if (image < 0) return;
    const place = image % perSheet;
    style.backgroundImage = `url("${this.sheet(Math.floor(image / perSheet))}")`;
    style.backgroundSize = `${across * size}px auto`;
    style.backgroundPosition = `${-(place % across) * size}px ${-Math.floor(place / across) * size}px`;
  }

  sheet(number: number): string {
    return `${this.data.site.images}/sheet-${number}.webp`;
  }

  /** The larger file of an image, or the file of a method's picture. */
  file(shown: Shown): string {
    if (typeof shown === "string") return `${this.data.site.pictures}/${shown}`;
    return `${this.data.site.images}/large/${Math.floor(shown / this.data.network.perSheet)}/${shown}.webp`;
  }

  large(shown: Shown, alt: string): HTMLImageElement {
    const side = this.data.network.side;
    return h("img.large", { src: this.file(shown), alt, loading: "lazy", decoding: "async", width: side, height: side });
  }

  /** Load and decode the sheets that a grid needs, once, so that it scrolls without gaps. */
  ready(): Promise<void> {
    return (this.#ready ??= this.#decoded());
  }

  async #decoded(): Promise<void> {
    const sheets = Math.ceil(this.data.network.gridImages / this.data.network.perSheet);
    for (let number = 0; number < sheets; number++) {
      const image = new Image();
      image.src = this.sheet(number);
      this.#sheets.push(image);
    }
    await Promise.all(this.#sheets.map((image) => image.decode().catch(() => undefined)));
  }
}
