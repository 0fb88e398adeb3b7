/** What may disturb a trial: slow frames, a hidden page, a lost focus. Times in milliseconds. */

export interface Disturbance {
  frame_ms: number | null; // median time between two frames; null if fewer than two were drawn
  frames_late: number; // frames that took more than 1.5 times the median
  hidden_ms: number; // how long nothing was to be seen: the page hidden, or covered
  blurs: number; // how often the window lost the focus
}

/** Watches from its making until `stop`. */
export class Watch {
  private readonly frames: number[] = [];
  private hiddenMs = 0;
  private hiddenSince: number | null = null;
  private covered = false;
  private blurs = 0;
  private request = 0;

  constructor() {
    const draw = (now: number) => {
      this.frames.push(now);
      this.request = requestAnimationFrame(draw);
    };
    this.request = requestAnimationFrame(draw);
    document.addEventListener("visibilitychange", this.onVisibility);
    window.addEventListener("blur", this.onBlur);
    this.onVisibility();
  }

  stop(): Disturbance {
    cancelAnimationFrame(this.request);
    document.removeEventListener("visibilitychange", this.onVisibility);
    window.removeEventListener("blur", this.onBlur);
    this.countHidden();
    const gaps = this.frames.slice(1).map((at, i) => at - this.frames[i]!);
    const middle = median(gaps);
    return {
      frame_ms: middle,
      frames_late: middle === null ? 0 : gaps.filter((gap) => gap > 1.5 * middle).length,
      hidden_ms: this.hiddenMs,
      blurs: this.blurs,
    };
  }

  /** Say that what is watched is covered, or to be seen again. */
  cover(covered: boolean): void {
    this.covered = covered;
    this.onVisibility();
  }

  private readonly onBlur = () => (this.blurs += 1);
  private readonly onVisibility = () => {
    this.countHidden();
    this.hiddenSince = document.hidden || this.covered ? performance.now() : null;
  };

  private countHidden(): void {
    if (this.hiddenSince !== null) this.hiddenMs += performance.now() - this.hiddenSince;
    this.hiddenSince = null;
  }
}

/** Middle value, or null of none. */
export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
