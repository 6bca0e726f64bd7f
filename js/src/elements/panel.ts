/*
 * A list of people behind a button. The browser's popover does the layering and the closing (Escape, a click elsewhere); here is what it does
 * not do in a shadow root: its place, aria-expanded, focus in on opening and back on Escape, and closing when focus moves on.
 *
 * `toggle` comes only after the panel may have been painted, so it is filled in `beforetoggle`, and put in its place before the next frame:
 * until it is shown it has no size.
 */
import type { RoomSnapshot } from "../core/copy.js";
import type { Member } from "../core/wire.js";
import { paint } from "./faces.js";
import { arrange, make, placeBeside } from "./float.js";
import { describe, order } from "./people.js";
import { texts } from "./texts.js";

export class Panel {
  readonly root = make("div", "panel");
  #title = make("div", "title");
  #list = make("ul", "people");
  #rest = make("p", "rest");
  #items = new Map<string, HTMLLIElement>();
  #opening = false;

  constructor(
    private readonly button: HTMLButtonElement,
    title: string,
    private readonly onToggle: (open: boolean) => void,
  ) {
    const { root } = this;
    root.popover = "auto";
    root.tabIndex = -1;
    root.setAttribute("role", "dialog");
    root.setAttribute("aria-label", title);
    this.#title.textContent = title;
    this.#list.setAttribute("role", "list");
    root.append(this.#title, this.#list, this.#rest);
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

  get open(): boolean {
    return this.root.matches(":popover-open");
  }

  show(snapshot: RoomSnapshot): void {
    if (!this.open && !this.#opening) return;
    const members = order(snapshot);
    const ids = new Set(members.map(({ id }) => id));
    for (const id of this.#items.keys()) if (!ids.has(id)) this.#items.delete(id);
    arrange(this.#list, members.map((member) => this.#item(member, member.id === snapshot.self?.id)));
    const rest = snapshot.mode === "count" ? 0 : snapshot.count - members.length; // a count alone: the list is on its way
    this.#rest.textContent = rest > 0 ? texts.rest(rest) : "";
    this.place();
  }

  place = (): void => {
    if (this.open) placeBeside(this.root, this.button, false);
  };

  #toggles(open: boolean): void {
    this.#opening = open;
    this.onToggle(open);
    this.#opening = false;
    if (open) requestAnimationFrame(this.place);
  }

  #toggled(open: boolean): void {
    this.button.setAttribute("aria-expanded", String(open));
    if (open) this.root.focus();
    else this.#list.replaceChildren();
    const change = open ? addEventListener : removeEventListener;
    for (const name of ["scroll", "resize"]) change(name, this.place, { capture: true });
  }

  #item(member: Member, self: boolean): HTMLLIElement {
    let item = this.#items.get(member.id);
    if (!item) {
      item = document.createElement("li");
      const face = make("span", "face small");
      face.setAttribute("aria-hidden", "true"); // the name stands beside it
      item.append(face, make("span", "name"));
      this.#items.set(member.id, item);
    }
    const [face, name] = item.children as unknown as [HTMLElement, HTMLElement];
    paint(face, member, self);
    const text = describe(member, self);
    if (name.textContent !== text) name.textContent = text;
    return item;
  }
}
