/** Full screen, as far as the browser grants it. */

import { own, recall, remember } from "./identity";

const WANTED = "fullscreen";
const PATIENCE_MS = 1500;
const SETTLE_MS = 300; // browsers animate the change and report the old size meanwhile

/** Ask for full screen; works only just after a press. A browser that refuses goes on in its window. */
export async function enterFullscreen(): Promise<void> {
  remember(own(WANTED), "1");
  if (document.fullscreenElement || !document.documentElement.requestFullscreen) return;
  const asked = document.documentElement.requestFullscreen({ navigationUI: "hide" }).then(() => pause(SETTLE_MS));
  await Promise.race([asked.catch(() => undefined), pause(PATIENCE_MS)]);
}

/** Back to full screen after a reload or the Escape key, where the study wants it. */
export async function restoreFullscreen(): Promise<void> {
  if (recall(own(WANTED)) === "1") await enterFullscreen();
}

export async function leaveFullscreen(): Promise<void> {
  remember(own(WANTED), "");
  if (document.fullscreenElement) await document.exitFullscreen().catch(() => undefined);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
