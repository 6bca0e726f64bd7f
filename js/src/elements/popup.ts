/*
 * Something behind a button. The browser's popover does the layering and the closing (Escape, a click elsewhere); here is what it does
 * not do in a shadow root: its place, aria-expanded, focus in on opening and back on Escape, and closing when focus moves on.
 *
 * `toggle` comes only after the panel may have been painted, so it is filled in `beforetoggle`, and put in its place before the next frame:
 * until it is shown it has no size.
 */
import { make, placeBeside } from "./float.js";

export class Popup {
  readonly root = make("div", "panel");
  #opening = false;

  constructor(
    protected readonly button: HTMLButtonElement,
    title: string,
    private readonly onToggle: (open: boolean) => void,
  ) {
    const { root } = this;
    root.popover = "auto";
    root.tabIndex = -1;
    root.setAttribute("role", "dialog");
    root.setAttribute("aria-label", title);
    button.popoverTargetElement = root;
    button.setAttribute("aria-haspopup", "dialog");
    button.setAttribute("aria-expanded", "false");
    root.addEventListener("beforetoggle", (event) => this.#toggles((event as ToggleEvent).newState === "open"));
    root.addEventListener("toggle", (event) => this.#toggled((event as ToggleEvent).newState === "open"));
    root.addEventListener("keydown", ({ key }) => key === "Escape" && button.focus());
    root.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && !root.contains(relatedTarget as Node) && relatedTarget !== button) root.hidePopover();
    });
  }

  /** Or about to be. */
  get open(): boolean {
    return this.#opening || this.root.matches(":popover-open");
  }

  place = (): void => {
    if (this.root.matches(":popover-open")) placeBeside(this.root, this.button, false);
  };

  /** It can no longer be seen. */
  protected closed(): void {}

  #toggles(open: boolean): void {
    this.#opening = open;
    this.onToggle(open);
    this.#opening = false;
    if (open) requestAnimationFrame(this.place);
  }

  #toggled(open: boolean): void {
    this.button.setAttribute("aria-expanded", String(open));
    if (open) this.root.focus();
    else this.closed();
    const change = open ? addEventListener : removeEventListener;
    for (const name of ["scroll", "resize"]) change(name, this.place, { capture: true });
  }
}
