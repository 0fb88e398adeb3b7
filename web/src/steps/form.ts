import SurveyHtmlForm from "@jspsych/plugin-survey-html-form";

import type { DebriefStep, Done, Field, FormStep } from "../contract";
import { isSimulated, turn } from "../stage";
import { escape, has, html, paragraphs, say } from "../texts";
import { wellFormed } from "../unicode";

/** Questions on a page, checked by the browser; `wrong` is a field that the server did not take. */
export async function form(step: FormStep, wrong = ""): Promise<Done> {
  const key = `form.${step.form}`;
  return questions(html(`${key}.title`), paragraphs(`${key}.lead`), step.fields, say("page.continue"), wrong);
}

export async function debrief(step: DebriefStep, wrong = ""): Promise<Done> {
  const score = step.score ? paragraphs("debrief.score", { ...step.score }) : "";
  const lead = paragraphs("debrief.text") + score;
  return questions(html("debrief.title"), lead, step.fields, say("debrief.finish"), wrong);
}

export async function questions(title: string, lead: string, fields: Field[], button: string, wrong: string): Promise<Done> {
  if (isSimulated()) return simulated(fields);
  const error = wrong ? `<p class="wrong" role="alert">${html("form.wrong", { field: label(wrong) })}</p>` : "";
  const node = {
    type: SurveyHtmlForm,
    html: `<article class="card"><h1>${title}</h1>${lead}${error}<div class="fields">${fields.map(control).join("")}</div></article>`,
    button_label: button,
    css_classes: ["page"],
  };
  const { data, shown_at, ms, visible_ms } = await turn(node);
  const entered = data.response as Record<string, string>;
  return { shown_at, ms, visible_ms, data: Object.fromEntries(fields.map((field) => [field.name, value(field, entered)])) };
}

function control(field: Field): string {
  const required = field.required ? " required" : "";
  const id = `field-${escape(field.name)}`;
  const name = escape(field.name);
  const optional = field.required ? "" : ` <span class="optional">${html("form.optional")}</span>`;
  const caption = `<label for="${id}">${escape(label(field.name))}${optional}</label>`;
  if (field.type === "integer") {
    const bounds = `min="${field.min ?? ""}" max="${field.max ?? ""}"`;
    return `<div class="field">${caption}<input type="number" inputmode="numeric" step="1" ${bounds} id="${id}" name="${name}"${required}></div>`;
  }
  if (field.type === "text") {
    const most = field.max_length ? ` maxlength="${field.max_length}"` : "";
    return `<div class="field">${caption}<textarea rows="4" id="${id}" name="${name}"${most}${required}></textarea></div>`;
  }
  const options = field.options.map((option) => {
    const words = escape(optionText(field.name, option));
    return `<label class="option"><input type="radio" name="${name}" value="${escape(option)}"${required}> <span>${words}</span></label>`;
  });
  return `<fieldset class="field"><legend>${escape(label(field.name))}${optional}</legend><div class="options">${options.join("")}</div></fieldset>`;
}

function label(field: string): string {
  return say(`field.${field}.label`);
}

function optionText(field: string, option: string): string {
  const key = `field.${field}.option.${option}`;
  return has(key) ? say(key) : option;
}

function value(field: Field, entered: Record<string, string>): string | number | null {
  const text = wellFormed(entered[field.name] ?? "").trim();
  if (text === "") return null;
  return field.type === "integer" ? Number(text) : text;
}

/** What a simulated participant enters: jsPsych's form does not simulate. */
function simulated(fields: Field[]): Done {
  const data = Object.fromEntries(fields.map((field) => [field.name, example(field)]));
  return { shown_at: performance.timeOrigin + performance.now(), ms: 0, visible_ms: 0, data };
}

function example({ required, type, min, options }: Field): string | number | null {
  if (!required) return null;
  if (type === "integer") return min ?? 1;
  return type === "choice" ? (options.at(-1) ?? "") : "-";
}
