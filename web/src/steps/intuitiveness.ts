import HtmlSliderResponse from "@jspsych/plugin-html-slider-response";

import type { Done, IntuitivenessStep } from "../contract";
import { at, load } from "../images";
import { turn, type Turned } from "../stage";
import { escape, html, paragraphs, say } from "../texts";
import { conditionText } from "./words";

/** One slider per unit and method: how intuitive the method's pictures are compared with the baseline's. */
export async function intuitiveness(step: IntuitivenessStep): Promise<Done> {
  await load(step.items.flatMap((item) => item.pictures.flatMap((picture) => picture.images)), () => undefined);
  const ratings: { item: string; rating: number; ms: number }[] = [];
  const turns: Turned[] = [];
  for (const [i, item] of step.items.entries()) {
    const turned = await turn(slider(step, i), (page) => {
      page.querySelector("input[type=range]")!.setAttribute("aria-label", say("intuitiveness.slider"));
    });
    ratings.push({ item: item.item, rating: Math.round(Number(turned.data.response)), ms: turned.ms });
    turns.push(turned);
  }
  const sum = (pick: (turned: Turned) => number) => turns.reduce((total, turned) => total + pick(turned), 0);
  const shown_at = turns[0]?.shown_at ?? performance.timeOrigin + performance.now();
  return { shown_at, ms: sum((turned) => turned.ms), visible_ms: sum((turned) => turned.visible_ms), data: { ratings } };
}

function slider(step: IntuitivenessStep, place: number) {
  const { pictures } = step.items[place]!;
  const names = pictures.map(({ condition }) => say(...conditionText(condition, "title")));
  const figures = pictures.map(({ images }, i) => {
    const many = images.length > 1 ? " many" : "";
    const drawn = images.map((path) => `<img src="${at(path)}" alt="">`).join("");
    return `<figure class="pictures${many}"><figcaption>${escape(names[i]!)}</figcaption><div>${drawn}</div></figure>`;
  });
  const lead = paragraphs(`intuitiveness.${step.phase}`) + paragraphs("intuitiveness.question", { first: names[0] ?? "", second: names[1] ?? "" });
  const count = html("intuitiveness.count", { number: place + 1, of: step.items.length });
  return {
    type: HtmlSliderResponse,
    stimulus: `<article class="card"><p class="eyebrow">${count}</p><h1>${html("intuitiveness.title")}</h1>${lead}<div class="compare">${figures.join("")}</div></article>`,
    min: step.min,
    max: step.max,
    slider_start: Math.round((step.min + step.max) / 2),
    labels: ["low", "middle", "high"].map((end) => escape(say(`intuitiveness.${end}`))),
    require_movement: true,
    button_label: escape(say("page.continue")),
    css_classes: ["page", "rating"],
  };
}
