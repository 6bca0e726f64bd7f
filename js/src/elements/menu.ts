/*
 * What can be done with a line, behind a button of it. Arrow keys, Home and End walk, Escape closes it and nothing else.
 *
 * One menu serves every line, so it is filled when the button of one is clicked.
 */
import { make, placeBeside } from "./float.js";
import { texts } from "./texts.js";

export interface Choice {
  readonly label: string;
  readonly act: () => void;
  /** It can be seen, but not now. */
  readonly off?: boolean;
}

export class Menu {
  readonly root = make("div", "menu");
  #button: HTMLButtonElement | undefined;
  #choices = (): readonly Choice[] => [];

  constructor() {
    const { root } = this;
    root.popover = "auto";
    root.setAttribute("role", "menu");
    root.setAttribute("aria-label", texts.inbox.menu);
    root.addEventListener("beforetoggle", (event) => this.#toggles((event as ToggleEvent).newState === "open"));
    root.addEventListener("keydown", (event) => this.#key(event));
  }

  /** A button of a menu; `choices` are asked for whenever it is opened. */
  serve(button: HTMLButtonElement, choices: () => readonly Choice[]): void {
    button.setAttribute("aria-haspopup", "menu");
    button.setAttribute("aria-expanded", "false");
    button.popoverTargetElement = this.root; // else the browser would close it before it is clicked
    button.addEventListener("click", (event) => {
      event.preventDefault(); // the browser would show it, and tell of it later: the next key could come before the focus
      const closes = this.#button === button && this.root.matches(":popover-open");
      this.close();
      if (!closes) this.#open(button, choices);
    });
  }

  #open(button: HTMLButtonElement, choices: () => readonly Choice[]): void {
    this.#button = button;
    this.#choices = choices;
    this.root.replaceChildren();
    this.#fill();
    this.root.showPopover();
    this.place();
    this.#walk(0);
  }

  /** What can be chosen may be different now. */
  refresh(): void {
    if (this.root.matches(":popover-open")) this.#fill();
  }

  place = (): void => {
    if (this.#button && this.root.matches(":popover-open")) placeBeside(this.root, this.#button, false);
  };

  close(): void {
    if (this.root.matches(":popover-open")) this.root.hidePopover();
  }

  #fill(): void {
    this.#choices().forEach(({ label, off = false }, index) => {
      const item = this.root.children[index] ?? this.#add(index);
      if (item.textContent !== label) item.replaceChildren(make("span", "name", label));
      item.setAttribute("aria-disabled", String(off));
    });
  }

  #add(index: number): HTMLElement {
    const item = make("button", "choice");
    item.type = "button";
    item.tabIndex = -1;
    item.setAttribute("role", "menuitem");
    item.addEventListener("click", () => {
      const choice = this.#choices()[index];
      if (!choice || choice.off) return;
      this.close();
      choice.act();
    });
    this.root.append(item);
    return item;
  }

  #toggles(open: boolean): void {
    this.#button?.setAttribute("aria-expanded", String(open));
    if (!open && this.root.matches(":focus-within")) this.#button?.focus({ preventScroll: true });
  }

  #walk(to: number): void {
    const items = this.root.querySelectorAll<HTMLElement>(".choice");
    items[(to + items.length) % items.length]?.focus({ preventScroll: true });
  }

  #key(event: KeyboardEvent): void {
    event.stopPropagation(); // what is around it has keys of its own
    const { key } = event;
    if (key === "Tab") return this.close();
    const at = [...this.root.children].indexOf(event.target as Element);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[key];
    if (to === undefined) return;
    event.preventDefault();
    this.#walk(to);
  }
}
