/* One line that says how things stand, or what became of the last one, with a way back. Screen readers are told politely. */
import { make } from "./float.js";
import { texts } from "./texts.js";

const STAY_MS = 10_000;

export class Said {
  readonly root = make("p", "state");
  #lasting = "";
  #text = "";
  #undo: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param left is called when the focus was in it, and is no more. */
  constructor(private readonly left: () => void) {
    this.root.setAttribute("role", "status");
  }

  /** For a while, and as long as somebody is in it with the keyboard. */
  say(text: string, undo?: () => void): void {
    this.#text = text;
    this.#undo = undo;
    this.#wait();
    this.#write();
  }

  /** As long as it is so; it goes before what became of something. "": nothing to say. */
  last(text: string): void {
    if (text === this.#lasting) return;
    this.#lasting = text;
    this.#write();
  }

  #wait(): void {
    clearTimeout(this.#timer);
    if (this.#text) this.#timer = setTimeout(() => (this.root.matches(":focus-within") ? this.#wait() : this.say("")), STAY_MS);
  }

  #write(): void {
    const inside = this.root.matches(":focus-within");
    this.root.replaceChildren(this.#lasting || this.#text);
    if (!this.#lasting && this.#undo) {
      const button = make("button", "button undo", texts.inbox.undo);
      button.type = "button";
      button.addEventListener("click", this.#undo);
      this.root.append(button);
    }
    if (inside) this.left();
  }
}
