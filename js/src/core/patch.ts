/*
 * What this page publishes in a room. The whole of it goes along when the room is entered; later only what changed goes out, at once, and then
 * at most every 100 ms: the server tells others no more often than that anyway.
 */
import type { Scalar, State } from "./wire.js";

const EVERY_MS = 100;

export class Patch {
  #all: Record<string, Scalar> = {};
  #changed: Record<string, Scalar> | null = null;
  #timer = false;

  constructor(private readonly send: (patch: State) => void) {}

  /** null deletes a key. */
  add(patch: State): void {
    this.#changed = { ...this.#changed, ...patch };
    this.#all = Object.fromEntries(Object.entries({ ...this.#all, ...patch }).filter(([, value]) => value !== null));
    if (!this.#timer) this.#flush();
  }

  /** Everything, for entering; nothing of it need be sent again. */
  take(): State {
    this.#changed = null;
    return this.#all;
  }

  #flush(): void {
    this.#timer = this.#changed !== null;
    if (!this.#changed) return;
    const patch = this.#changed;
    this.#changed = null;
    this.send(patch);
    setTimeout(() => this.#flush(), EVERY_MS);
  }
}
