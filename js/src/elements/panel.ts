/* A list of people behind a button. */
import type { RoomSnapshot } from "../core/copy.js";
import type { Member } from "../core/wire.js";
import { paint } from "./faces.js";
import { arrange, make } from "./float.js";
import { describe, order } from "./people.js";
import { Popup } from "./popup.js";
import { texts } from "./texts.js";

export class Panel extends Popup {
  #title = make("div", "title");
  #list = make("ul", "people");
  #rest = make("p", "rest");
  #items = new Map<string, HTMLLIElement>();

  constructor(button: HTMLButtonElement, title: string, onToggle: (open: boolean) => void) {
    super(button, title, onToggle);
    this.#title.textContent = title;
    this.#list.setAttribute("role", "list");
    this.root.append(this.#title, this.#list, this.#rest);
  }

  show(snapshot: RoomSnapshot): void {
    if (!this.open) return;
    const members = order(snapshot);
    const ids = new Set(members.map(({ id }) => id));
    for (const id of this.#items.keys()) if (!ids.has(id)) this.#items.delete(id);
    arrange(this.#list, members.map((member) => this.#item(member, member.id === snapshot.self?.id)));
    const rest = snapshot.mode === "count" ? 0 : snapshot.count - members.length; // a count alone: the list is on its way
    this.#rest.textContent = rest > 0 ? texts.rest(rest) : "";
    this.place();
  }

  protected override closed(): void {
    this.#list.replaceChildren();
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
