/*
 * A question to who edits, that answers itself after a while. A modal dialog of the browser: it comes in front of everything, keeps the focus, and gives
 * it back to the field that one was typing in.
 *
 * It takes the focus itself and not a button of it, because it may come in the middle of a word: the next space must not answer it. Escape, and the
 * second button, mean "I go on". The same question is asked once.
 */
import { make } from "./float.js";
import { texts } from "./texts.js";

export interface Asked {
  /** Which question this is. */
  readonly key: string;
  readonly title: string;
  readonly text: string;
  /** Give it away; go on. */
  readonly yes: string;
  readonly no: string;
  /** Whether going on is what most people want. */
  readonly stay: boolean;
  readonly seconds: number | null;
}

export class Question {
  readonly root = make("dialog", "dialog");
  #title = make("h2", "title");
  #text = make("p", "text");
  #left = make("p", "left");
  #bar = make("span", "bar");
  #yes = make("button", "action");
  #no = make("button", "action");
  #key = "";

  /** @param answered is told whether it is given away. @param closed is called when the focus is back where it was, if that is still there. */
  constructor(answered: (yes: boolean) => void, closed: () => void) {
    const { root } = this;
    root.setAttribute("role", "alertdialog");
    root.tabIndex = -1;
    for (const [part, id, attribute] of [
      [this.#title, "title", "aria-labelledby"],
      [this.#text, "text", "aria-describedby"],
    ] as const) {
      part.id = id;
      root.setAttribute(attribute, id);
    }
    this.#left.setAttribute("aria-hidden", "true"); // the text says it once; read out every second it would drown everything
    const buttons = make("div", "actions");
    buttons.append(this.#yes, this.#no);
    root.append(this.#title, this.#text, this.#left, buttons);
    for (const [button, yes] of [
      [this.#yes, true],
      [this.#no, false],
    ] as const) {
      button.type = "button";
      button.addEventListener("click", () => {
        root.close();
        answered(yes);
      });
    }
    root.addEventListener("cancel", () => answered(false));
    root.addEventListener("close", () => root.open || closed());
  }

  get open(): boolean {
    return this.root.open;
  }

  /** Ask, or go on asking; null: it does not matter any more. */
  show(asked: Asked | null): void {
    if (!asked) this.root.close();
    else if (asked.key !== this.#key) this.#ask(asked);
    this.#key = asked?.key ?? "";
    if (!asked || !this.open) return;
    this.#left.textContent = asked.seconds === null ? "" : texts.left_s(asked.seconds);
    this.#left.append(this.#bar);
  }

  #ask({ title, text, yes, no, stay, seconds }: Asked): void {
    this.#title.textContent = title;
    this.#text.textContent = text;
    this.#yes.textContent = yes;
    this.#no.textContent = no;
    this.#yes.toggleAttribute("data-main", !stay);
    this.#no.toggleAttribute("data-main", stay);
    this.#bar.style.animationDuration = `${seconds ?? 0}s`;
    this.root.close();
    this.root.showModal();
    this.root.focus();
  }
}
