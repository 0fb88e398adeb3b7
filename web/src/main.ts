/** The participant's pages: find or begin the session, then do each step that the server gives, until it is over. */

import "jspsych/css/jspsych.css";
import "./style.css";

import type { Config, State, Step } from "./contract";
import { log, logError, startLog } from "./events";
import { adopt, forget, keep, keepFor, kept, uuid } from "./identity";
import { askParticipant } from "./lab";
import { chooseLanguage, languageSwitch } from "./language";
import { onConnection, Refusal } from "./network";
import { notice, refused } from "./notice";
import { Outbox } from "./outbox";
import { mostRoom } from "./room";
import { config as getConfig, isKnown, Session, start, texts, type Simulation } from "./session";
import { showPilot, showProgress, showStatus, simulateWith } from "./stage";
import { block } from "./steps/block";
import { finished } from "./steps/finished";
import { page } from "./steps/page";
import { gaveWay, hold, openElsewhere } from "./tabs";
import { say, setTexts } from "./texts";

const STATUS_AFTER = 2; // failed tries before the participant is told

async function main(): Promise<void> {
  onConnection(({ state, attempts }) => {
    if (state === "ok" || attempts === 1) log("network", { state, attempts });
    const trouble = state !== "ok" && attempts >= STATUS_AFTER;
    showStatus(trouble ? say(state === "lost" ? "page.offline" : "page.busy") : "");
  });
  const config = await getConfig();
  keepFor(config.store);
  const language = chooseLanguage(config);
  setTexts(await texts(language), language);
  config.study.title ||= say("page.title");
  document.title = config.study.title;
  showPilot(config.pilot);

  if (gaveWay() || (await openElsewhere())) {
    await notice(gaveWay() ? "notice.gave_way" : "notice.elsewhere");
    hold(true);
  } else hold(false);

  try {
    await runSession(await begin(config, language), config);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.code === "no_session" && kept()) startAnew();
    else refused(error.code, config.study.contact);
  }
}

/** The session of this browser, resumed or new. Throws Refusal where there is none to be had. */
async function begin(config: Config, language: string): Promise<Session> {
  const outbox = await Outbox.open();
  const known = kept() ?? (await adopt(isKnown));
  const resuming = new URLSearchParams(location.search).has("resume");
  if (!config.open && !known?.token && !resuming) throw new Refusal(403, "closed", {});
  // Before there is a session, which belongs to the browser that began it: the participant may come on another device.
  if (!known?.token && !mostRoom(config.stimuli).enough) throw new Refusal(403, "small_screen", {});
  if (known?.token) await new Session(known.token, outbox, {} as State, null).sendLeft();
  const participant = config.lab ? await askParticipant(known) : "";
  // Another link or number is another entry; the token goes along, and the server says whose session it is.
  const same = known !== null && known.link === location.search && known.participant === participant;
  const identity = { key: same ? known.key : uuid(), token: known?.token ?? "", link: location.search, participant };
  keep(identity);
  const started = await start(identity, participant, language);
  keep({ ...identity, token: started.token });
  startLog(started.token);
  return new Session(started.token, outbox, started.state, simulationOf(started.state), started.token === known?.token);
}

async function runSession(session: Session, config: Config): Promise<void> {
  simulateWith(session.simulate);
  let wrong = ""; // the field of a form that the server did not take
  for (;;) {
    const { step, progress } = session.state;
    showProgress(progress);
    showPilot(session.state.pilot);
    Object.assign(document.body.dataset, { step: step.id, kind: step.kind });
    languageSwitch(step.kind === "consent" ? config.languages : []);
    if (step.kind === "finished") {
      await session.sendLeft();
      return finished(step, config.lab || session.state.pilot, startAnew);
    }
    try {
      await perform(step, session, config, wrong);
      session.resumed = false;
      wrong = "";
    } catch (error) {
      wrong = await recover(error, session);
    }
  }
}

async function perform(step: Exclude<Step, { kind: "finished" }>, session: Session, config: Config, wrong: string): Promise<void> {
  if (step.kind === "block") {
    await block(step, session, config.stimuli.min_px);
    await session.refresh();
  } else {
    await session.finish(step.id, await page(step, config, session.outbox.durable, wrong));
  }
}

/** Go on from where the server is. Gives the field that it did not take, or "". Throws what cannot be mended. */
async function recover(error: unknown, session: Session): Promise<string> {
  if (!(error instanceof Refusal)) throw error;
  logError(error.message);
  switch (error.code) {
    case "bad_request":
      if (error.body.error?.field) return error.body.error.field;
      throw error;
    case "already_answered":
      await notice("notice.answered_elsewhere");
      break;
    case "out_of_order":
    case "ended":
      break;
    default:
      throw error;
  }
  await session.refresh();
  return "";
}

/** The session is gone, or in the lab the next person sits down at this machine. */
function startAnew(): void {
  forget();
  location.reload();
}

/** A pilot session answers by itself if its link says so. */
function simulationOf(state: State): Simulation | null {
  const mode = new URLSearchParams(location.search).get("simulate") ?? "";
  return state.pilot && (mode === "visual" || mode === "data-only") ? { mode } : null;
}

main().catch((error: unknown) => {
  console.error(error);
  logError(error);
  refused("other", "");
});
