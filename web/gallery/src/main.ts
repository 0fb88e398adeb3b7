/** The gallery: one page per address. */

import "./style.css";
import { Context, type Page } from "./context";
import { Data } from "./data";
import { h, isTyping } from "./dom";
import { header, keys } from "./header";
import { overview } from "./overview";
import { Pictures } from "./pictures";
import { parse, unitLink } from "./route";
import { unitPage } from "./unit-page";
import { unitsPage } from "./units-page";

const app = document.getElementById("app")!;

async function start(): Promise<void> {
  const data = await Data.open();
  const context = new Context(data, new Pictures(data));
  const room = h("div", { id: "content" });
  app.replaceChildren(header(context), room);
  let shown: Page | null = null;
  let asked = 0;
  const positions = new Map<string, number>(); // of the pages that were left, by their address
  history.scrollRestoration = "manual";

  const show = async (isBack: boolean) => {
    const mine = ++asked;
    try {
      const page = await made(context);
      if (mine !== asked) return; // another page has been asked for meanwhile
      shown?.leave?.();
      const left = shown?.unit;
      shown = page;
      room.replaceChildren(page.element);
      page.enter?.();
      document.title = `${page.title} · ${data.network.study}`;
      history.replaceState(true, ""); // seen: with this state the browser comes back to it
      const top = isBack ? (positions.get(location.hash) ?? 0) : 0;
      // after the page has its height
      requestAnimationFrame(() => {
        scrollTo({ top, behavior: "instant" });
        if (left !== undefined) page.returned?.(left, !isBack);
      });
    } catch (error) {
      if (mine === asked) room.replaceChildren(failed(error));
    }
  };
  let isBack = false;
  // browsers say so of every new address, also of a link's; only an entry that was shown has a state
  addEventListener("popstate", (event) => (isBack = event.state !== null));
  addEventListener("hashchange", (event) => {
    positions.set(new URL(event.oldURL).hash, scrollY);
    void show(isBack);
    isBack = false;
  });
  addEventListener("keydown", (event) => onKey(event, context, () => shown));
  await show(false);
}

async function made(context: Context): Promise<Page> {
  const route = parse(location.hash);
  if (route.page === "unit") return unitPage(context, route.unit);
  return route.page === "units" ? unitsPage(context, route.asked) : overview(context);
}

function onKey(event: KeyboardEvent, context: Context, shown: () => Page | null): void {
  if (isTyping(event) || document.querySelector("dialog[open]")) return;
  if (event.key === "/") (document.getElementById("search-here") ?? document.querySelector<HTMLElement>(".find input"))?.focus();
  else if (event.key === "?") keys();
  else if (event.key === "r") location.hash = unitLink(context.anyUnit());
  else if (event.key === "o") location.hash = "#/";
  else if (!shown()?.key?.(event)) return;
  event.preventDefault();
}

function failed(error: unknown): HTMLElement {
  return h("main.page", {}, h("h1", {}, "The gallery could not be opened"), h("p", {}, String(error)));
}

start().catch((error: unknown) => app.replaceChildren(failed(error)));
