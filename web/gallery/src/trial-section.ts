/** The trials of the study in which a unit appeared, and how people and machines answered. */

import type { Context } from "./context";
import type { Task, UnitDetails } from "./contract";
import { h } from "./dom";
import { label, number, percent, wilson } from "./numbers";

const BLIND = ["ideal", "chance", "simulated"]; // machines that do not look at pictures
const FIRST = 8; // tasks shown at once

export function trialSection(context: Context, unit: UnitDetails): HTMLElement | null {
  if (!unit.tasks.length) return null;
  const { observers } = context.network;
  const tasks = unit.tasks.map((task) => trial(context, task));
  const more = tasks.slice(FIRST);
  return h(
    "section", { "aria-labelledby": "trials" },
    h("h2", { id: "trials" }, "Trials"),
    context.network.notice && h("p.notice", {}, context.network.notice),
    observers.length > 0 && summary(unit.tasks, observers, context.network.methods),
    h("h3", {}, `${unit.tasks.length} different tasks`),
    h("p.note", {}, "Left the query that activates the unit more, which is the correct answer."),
    h("ol.tasks", {}, tasks.slice(0, FIRST)),
    more.length > 0 && h("details", {}, h("summary", {}, `${more.length} more`), h("ol.tasks", {}, more)),
  ); // prettier-ignore
}

/** Correct answers of main trials by condition and difficulty, a column per observer. */
function summary(tasks: Task[], observers: [string, string][], methods: string[]): HTMLElement {
  const groups = new Map<string, Task[]>();
  for (const task of tasks.filter((each) => each.kind === "main")) {
    const name = JSON.stringify([task.condition, task.difficulty, task.scheme]);
    groups.set(name, [...(groups.get(name) ?? []), task]);
  }
  if (!groups.size) return h("p.note", {}, "Only in practice and catch trials.");
  const schemes = new Set(tasks.map((task) => task.scheme)).size > 1;
  const ordered = [...groups].sort(([a], [b]) => place(a, methods) - place(b, methods));
  const rows = ordered.map(([name, of]) => {
    const [condition, difficulty, scheme] = JSON.parse(name) as [string, string, string];
    const cells = observers.map(([observer]) => h("td", {}, ...share(of, observer)));
    return h("tr", {}, h("th", { scope: "row" }, label(condition),
      h("small", {}, [difficulty, schemes ? scheme : ""].filter(Boolean).join(", "))), cells); // prettier-ignore
  });
  return h(
    "div.scroll", { tabindex: 0, role: "region", "aria-label": "Table of answers" },
    h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "main trials"),
        observers.map(([observer, kind]) => h("th", { scope: "col" }, kind === "person" ? "people" : label(observer))))),
      h("tbody", {}, rows)),
  ); // prettier-ignore
}

/** Methods in the order of the study, and of each the easiest difficulty first. */
function place(name: string, methods: string[]): number {
  const [condition, difficulty] = JSON.parse(name) as [string, string, string];
  const hardness = difficulty === "extreme" ? 0 : 1 - (Number(difficulty) || 0);
  return (methods.indexOf(condition) + methods.length + 1) * 2 + hardness;
}

function share(tasks: Task[], observer: string): (string | HTMLElement)[] {
  let answers = 0;
  let correct = 0;
  for (const task of tasks) {
    answers += task.answers[observer]?.[0] ?? 0;
    correct += task.answers[observer]?.[1] ?? 0;
  }
  const ends = wilson(answers, correct);
  if (!ends) return ["—"];
  return [
    h("b", {}, percent(correct / answers)),
    h("small", {}, `${correct} of ${answers}; ${percent(ends[0])} to ${percent(ends[1])}`),
  ];
}

function trial(context: Context, task: Task): HTMLElement {
  const people = context.network.observers.filter(([, kind]) => kind === "person").map(([name]) => name);
  const machines = Object.entries(task.answers).filter(([name]) => !people.includes(name) && !BLIND.includes(name));
  const of = people.map((name) => task.answers[name]).find(Boolean);
  const queries = task.queries.map((shown, at) =>
    context.pictures.large(shown, at ? "query that activates the unit less" : "query that activates the unit more"),
  );
  return h(
    "li.task", {}, h("div.queries", {}, queries),
    h("p", {}, h("b", {}, label(task.condition)), ` ${[task.difficulty, task.kind === "main" ? "" : task.kind].filter(Boolean).join(", ")}`),
    h("p.note", {}, [
      of && `people ${of[1]} of ${of[0]}`,
      ...machines.map(([name, [answers, correct]]) => `${label(name)} ${correct} of ${answers}`),
      task.margin !== null && `${number(task.margin, 2)} sd apart`,
    ].filter(Boolean).join(" · ")),
  ); // prettier-ignore
}
