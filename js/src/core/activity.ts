/*
 * Is somebody at this tab? Times are arguments, so that the rules can be tested without waiting.
 *
 *   active  input within the last minute, and the tab is visible
 *   idle    no input for a minute, or the tab is hidden
 *   away    no input for ten minutes, hidden or not
 *
 * Others see the most active of a user's tabs; the server does that part.
 */
import type { Status } from "./wire.js";

export const IDLE_AFTER_MS = 60_000;
export const AWAY_AFTER_MS = 600_000;

export class Activity {
  #inputAt: number;
  #hidden: boolean;

  constructor(nowMs: number, hidden = false) {
    this.#inputAt = nowMs;
    this.#hidden = hidden;
  }

  input(nowMs: number): void {
    this.#inputAt = nowMs;
  }

  /** Coming back to a tab is input, too. */
  visible(visible: boolean, nowMs: number): void {
    this.#hidden = !visible;
    if (visible) this.#inputAt = nowMs;
  }

  status(nowMs: number): Status {
    const quiet = nowMs - this.#inputAt;
    if (quiet >= AWAY_AFTER_MS) return "away";
    return this.#hidden || quiet >= IDLE_AFTER_MS ? "idle" : "active";
  }

  /** How long until the status changes by itself; null when it will not. */
  nextMs(nowMs: number): number | null {
    const status = this.status(nowMs);
    if (status === "away") return null;
    return this.#inputAt + (status === "active" ? IDLE_AFTER_MS : AWAY_AFTER_MS) - nowMs;
  }
}
