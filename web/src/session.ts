/** The requests of a session, in the words of docs/reference/server-api.md. */

import type { Accepted, AnswerBody, Config, Done, Started, State } from "./contract";
import type { Identity } from "./identity";
import { json, Refusal } from "./network";
import type { Outbox } from "./outbox";
import { cut } from "./unicode";

/** What the study is, and whether this link may enter: a pilot's may whenever. */
export function config(): Promise<Config> {
  const link = new URLSearchParams(location.search).get("link") ?? "";
  return json<Config>(`api/config${link ? `?${new URLSearchParams({ link })}` : ""}`, { method: "GET" });
}

export const texts = (language: string) => json<Record<string, string>>(`api/texts/${language}`, { method: "GET" });

/** Whether a token is of a session of this study. */
export async function isKnown(token: string): Promise<boolean> {
  try {
    await json<State>("api/session", { method: "GET", token });
    return true;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}

/** Begin or resume: the same key gives the same session. */
export function start(identity: Identity, participant: string, language: string): Promise<Started> {
  const body = {
    key: identity.key,
    params: Object.fromEntries(new URLSearchParams(location.search)),
    participant,
    language,
    client: client(),
  };
  return json<Started>("api/sessions", { method: "POST", body: () => body, ...token(identity) });
}

/** One participant's session under way. */
export class Session {
  constructor(
    readonly token: string,
    readonly outbox: Outbox,
    public state: State,
    readonly simulate: Simulation | null,
    public resumed = false, // whether somebody has just come back
  ) {}

  async refresh(): Promise<State> {
    this.state = await json<State>("api/session", { method: "GET", token: this.token });
    return this.state;
  }

  /** A step is done; gives the state that follows. */
  async finish(step: string, done: Done): Promise<State> {
    try {
      const path = `api/steps/${step}`;
      const { state } = await json<{ state: State }>(path, { method: "POST", token: this.token, body: () => done });
      this.state = state;
      return state;
    } catch (error) {
      if (error instanceof Refusal && (error.code === "out_of_order" || error.code === "ended")) return this.refresh();
      throw error;
    }
  }

  /** Send an answer until the server has it on disk; it lies in IndexedDB until then. */
  async answer(answer: AnswerBody): Promise<Accepted> {
    await this.outbox.put({ token: this.token, answer });
    return this.send(answer);
  }

  /** Send what an earlier window could not. An answer that the server will not have is dropped. */
  async sendLeft(): Promise<void> {
    for (const answer of await this.outbox.left(this.token)) {
      await this.send(answer).catch((error: unknown) => {
        if (!(error instanceof Refusal)) throw error;
      });
    }
  }

  private async send(answer: AnswerBody): Promise<Accepted> {
    const body = (attempt: number) => ({ ...answer, attempt });
    try {
      const accepted = await json<Accepted>("api/answers", { method: "POST", token: this.token, body });
      await this.outbox.delete(answer.key);
      return accepted;
    } catch (error) {
      if (error instanceof Refusal) await this.outbox.delete(answer.key);
      throw error;
    }
  }
}

/** How a pilot session answers by itself: `?simulate=visual` or `data-only`. */
export interface Simulation {
  mode: "visual" | "data-only";
}

function token(identity: Identity): { token?: string } {
  return identity.token ? { token: identity.token } : {};
}

/** Browser and screen; cut to what the server takes, so that an odd browser bars nobody. */
function client() {
  return {
    user_agent: cut(navigator.userAgent, 600),
    screen_width: screen.width,
    screen_height: screen.height,
    width: innerWidth,
    height: innerHeight,
    pixel_ratio: devicePixelRatio,
    language: cut(navigator.language ?? "", 40),
    time_zone: cut(Intl.DateTimeFormat().resolvedOptions().timeZone ?? "", 60),
    touch: navigator.maxTouchPoints > 0,
  };
}
