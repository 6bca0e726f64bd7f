/* The row of faces: who is here, each with a name beside it when pointed at or focused. */
import type { RoomSnapshot } from "../core/copy.js";
import type { Member } from "../core/wire.js";
import { arrange } from "./float.js";
import { describe, hue, initials, type Row } from "./people.js";
import { item, Roving } from "./roving.js";

/** Paint one person: letters, colour, status. What it is called is for the caller to say. */
export function paint(face: HTMLElement, { id, name, status }: Pick<Member, "id" | "name"> & Partial<Member>, self: boolean): void {
  face.textContent = initials(name);
  face.style.setProperty("--_hue", String(hue(id)));
  face.dataset["status"] = status ?? "active";
  face.toggleAttribute("data-self", self);
}

export class Faces {
  #roving = new Roving("faces");
  readonly list = this.#roving.list;
  readonly tip = this.#roving.tip;
  #items = new Map<string, HTMLLIElement>();

  /** `tail` stands after the last face. */
  show({ faces }: Row, { self }: RoomSnapshot, tail: readonly Element[]): void {
    const items = faces.map((member) => this.#item(member, member.id === self?.id));
    const kept = new Set(faces.map(({ id }) => id));
    for (const id of this.#items.keys()) if (!kept.has(id)) this.#items.delete(id);
    arrange(this.list, [...items, ...tail]);
    this.#roving.settle();
  }

  #item(member: Member, self: boolean): HTMLLIElement {
    const entry = this.#items.get(member.id) ?? item();
    this.#items.set(member.id, entry);
    const face = entry.firstElementChild as HTMLElement;
    paint(face, member, self);
    face.setAttribute("part", self ? "face self" : "face");
    face.setAttribute("aria-label", describe(member, self));
    return entry;
  }
}
