/*
 * What a screen reader is told of people coming and going: politely, and not too often. What happens within the pause becomes one sentence;
 * who came and went in it is not mentioned.
 */
import { texts } from "./texts.js";

export const FIRST_MS = 2_000;
export const PAUSE_MS = 15_000;

interface Person {
  readonly id: string;
  readonly name: string;
}

export class Bulletin {
  #came = new Map<string, string>();
  #left = new Map<string, string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly say: (sentence: string) => void) {}

  enter({ id, name }: Person): void {
    if (!this.#left.delete(id)) this.#came.set(id, name);
    this.#wait(FIRST_MS);
  }

  leave({ id, name }: Person): void {
    if (!this.#came.delete(id)) this.#left.set(id, name);
    this.#wait(FIRST_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#came.clear();
    this.#left.clear();
  }

  #wait(ms: number): void {
    this.#timer ??= setTimeout(() => this.#speak(), ms);
  }

  #speak(): void {
    this.#timer = undefined;
    const came = [...this.#came.values()];
    const left = [...this.#left.values()];
    this.#came.clear();
    this.#left.clear();
    if (!came.length && !left.length) return;
    this.say([came.length && texts.came(came), left.length && texts.left(left)].filter(Boolean).join(". "));
    this.#wait(PAUSE_MS);
  }
}
