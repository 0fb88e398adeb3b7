/** The pictures that each method of the study made for a unit, with how strongly they activate it. */

import type { Context } from "./context";
import type { MadePicture, UnitDetails } from "./contract";
import { h } from "./dom";
import { label, number } from "./numbers";

export function madeSection(context: Context, unit: UnitDetails): HTMLElement | null {
  if (!unit.pictures.length) return null;
  return h(
    "section", { "aria-labelledby": "methods" },
    h("h2", { id: "methods" }, "Pictures by method"),
    h("p.note", {}, "What the study shows as explanations: activation, and percentile among the images of the corpus. ",
      "“+2.1 sd”: so many standard deviations beyond the best image."),
    unit.pictures.map(({ method, max, min }) =>
      h("div.method", {}, h("h3", {}, label(method)),
        h("div.poles", {}, strip(context, method, max, "max"), strip(context, method, min, "min")))),
  ); // prettier-ignore
}

function strip(context: Context, method: string, pictures: MadePicture[], pole: "max" | "min"): HTMLElement {
  const figures = pictures.map(([shown, activation, percentile, margin, failed], at) => {
    const alt = `${label(method)} picture ${at + 1} of the pole ${pole}, activation ${number(activation)}`;
    const beyond = margin !== null && margin > 0 ? `+${margin.toFixed(1)} sd` : percentile === null ? "" : `${percentile.toFixed(1)} %`;
    return h(
      `figure${failed ? ".failed" : ""}`, {}, context.pictures.large(shown, alt),
      h("figcaption", {}, number(activation), h("small", {}, failed ? "failed" : beyond)),
    ); // prettier-ignore
  });
  return h(`div.pole.${pole}`, {}, h("h4", {}, pole === "max" ? "max" : "min"), h("div.figures", {}, figures));
}
