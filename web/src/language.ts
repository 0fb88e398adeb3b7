import type { Config } from "./contract";
import { own, recall, remember } from "./identity";
import { say } from "./texts";

const CHOSEN = "language";

/** The language of the link (`?lang=`), else of this participant's choice, else of the browser, else of the study. */
export function chooseLanguage(config: Config): string {
  const wishes = [new URLSearchParams(location.search).get("lang"), recall(own(CHOSEN)), ...navigator.languages];
  for (const wish of wishes) {
    const language = (wish ?? "").slice(0, 2).toLowerCase();
    if (config.languages.includes(language)) return language;
  }
  return config.language;
}

/** Buttons for the other languages at the upper corner, while the consent is read; none take them away. */
export function languageSwitch(languages: string[]): void {
  const holder = document.querySelector<HTMLElement>("#languages")!;
  const others = languages.filter((language) => language !== document.documentElement.lang);
  holder.replaceChildren(
    ...others.map((language) => {
      const button = document.createElement("button");
      button.type = "button";
      button.lang = language;
      button.textContent = say(`language.${language}`);
      button.addEventListener("click", () => {
        remember(own(CHOSEN), language);
        location.reload();
      });
      return button;
    }),
  );
}
