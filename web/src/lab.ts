import SurveyHtmlForm from "@jspsych/plugin-survey-html-form";

import { type Identity } from "./identity";
import { ask, card } from "./page";
import { turn } from "./stage";
import { html, paragraphs, say } from "./texts";

/** In the lab, the experimenter types the participant's number, or goes on with the one whose session this window had. */
export async function askParticipant(known: Identity | null): Promise<string> {
  if (known?.participant) {
    const heading = html("lab.resume", { participant: known.participant });
    const page = card(heading, paragraphs("lab.resume_text", { participant: known.participant }));
    const { pressed } = await ask(page, [say("lab.other"), say("page.continue")]);
    if (pressed === 1) return known.participant;
  }
  return typed();
}

async function typed(): Promise<string> {
  const { data } = await turn({
    type: SurveyHtmlForm,
    html: `<article class="card"><h1>${html("lab.title")}</h1>${paragraphs("lab.text")}
      <div class="fields"><div class="field"><label for="participant">${html("lab.participant")}</label>
      <input id="participant" name="participant" required inputmode="numeric" pattern="0*[1-9][0-9]{0,5}" autocomplete="off"></div></div></article>`,
    autofocus: "participant",
    button_label: say("page.continue"),
    css_classes: ["page"],
  });
  return (data.response as { participant: string }).participant.trim();
}
