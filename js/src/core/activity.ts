/*
 * Is somebody at this tab? Times are arguments, so that the rules can be tested without waiting.
 *
 *   active  input within the last minute, and the tab is visible
 *   idle    no input for a minute, or the tab has been hidden for three seconds
 *   away    no input for ten minutes, hidden or not
 *
 * Not at once when it is hidden: a page that is left is hidden first, and others would see everybody who goes on to another page turn idle.
 *
 * Others see the most active of a user's tabs; the server does that part.
 */
import type { Status } from "./wire.js";

export const IDLE_AFTER_MS = 60_000;
export const AWAY_AFTER_MS = 600_000;
export const HIDDEN_AFTER_MS = 3_000;

export class Activity {
  #inputAt: number;
  /** From when on being hidden makes this tab idle. */
  #hiddenAt: number;

  /** A tab that is opened in the background is idle from the start. */
  constructor(nowMs: number, hidden = false) {
    this.#inputAt = nowMs;
    this.#hiddenAt = hidden ? nowMs : Infinity;
  }

  input(nowMs: number): void {
    this.#inputAt = nowMs;
  }

  /** Coming back to a tab is input, too. */
  visible(visible: boolean, nowMs: number): void {
    if (visible) this.#inputAt = nowMs;
    this.#hiddenAt = visible ? Infinity : Math.min(this.#hiddenAt, nowMs + HIDDEN_AFTER_MS);
  }

  status(nowMs: number): Status {
    const quiet = nowMs - this.#inputAt;
    if (quiet >= AWAY_AFTER_MS) return "away";
    return nowMs >= this.#hiddenAt || quiet >= IDLE_AFTER_MS ? "idle" : "active";
  }

  /** How long until the status changes by itself; null when it will not. */
  nextMs(nowMs: number): number | null {
    const status = this.status(nowMs);
    if (status === "away") return null;
    const at = status === "active" ? Math.min(this.#inputAt + IDLE_AFTER_MS, this.#hiddenAt) : this.#inputAt + AWAY_AFTER_MS;
    return at - nowMs;
  }
}
