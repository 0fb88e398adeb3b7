/** One window at a time: the newest asks, and takes over only if the participant says so. */

import { own, uuid } from "./identity";

type Message = { kind: "hello" | "here" | "take"; from: string };

const me = uuid();
const ELSEWHERE = "elsewhere"; // this window gave the study up
const ANSWER_MS = 250;

/** Whether another window of this browser has the study open. */
export async function openElsewhere(): Promise<boolean> {
  if (typeof BroadcastChannel === "undefined") return false;
  return new Promise((resolve) => {
    const channel = new BroadcastChannel(own("tabs"));
    const decide = (answer: boolean) => {
      channel.close();
      resolve(answer);
    };
    channel.onmessage = ({ data }: MessageEvent<Message>) => data.kind === "here" && decide(true);
    channel.postMessage({ kind: "hello", from: me } satisfies Message);
    setTimeout(() => decide(false), ANSWER_MS);
  });
}

/** Be the window that has the study: answer others, and give way to one that takes over. */
export function hold(takeOver: boolean): void {
  sessionStorage.removeItem(own(ELSEWHERE));
  if (typeof BroadcastChannel === "undefined") return;
  const channel = new BroadcastChannel(own("tabs"));
  if (takeOver) channel.postMessage({ kind: "take", from: me } satisfies Message);
  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if (data.from === me) return;
    if (data.kind === "hello") channel.postMessage({ kind: "here", from: me } satisfies Message);
    if (data.kind === "take") {
      // A reload drops everything that still listens here; what is unsent is in IndexedDB.
      sessionStorage.setItem(own(ELSEWHERE), "1");
      location.reload();
    }
  };
}

/** Whether this window has given way to another. */
export function gaveWay(): boolean {
  return sessionStorage.getItem(own(ELSEWHERE)) === "1";
}
