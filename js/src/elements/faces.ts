/* The row of faces: one tab stop, arrow keys between the faces, a name beside the one that is pointed at or focused. */
import type { RoomSnapshot } from "../core/copy.js";
import type { Member } from "../core/wire.js";
import { arrange, make, placeBeside } from "./float.js";
import { describe, hue, initials, type Row } from "./people.js";

/** Paint one person: letters, colour, status. What it is called is for the caller to say. */
export function paint(face: HTMLElement, member: Member, self: boolean): void {
  face.textContent = initials(member.name);
  face.style.setProperty("--_hue", String(hue(member.id)));
  face.dataset["status"] = member.status;
  face.toggleAttribute("data-self", self);
}

export class Faces {
  readonly list = make("ul", "faces");
  readonly tip = make("div", "tip");
  #items = new Map<string, HTMLLIElement>();
  #current: HTMLElement | null = null;

  constructor() {
    this.list.setAttribute("role", "list"); // Safari takes the meaning away with the bullets
    this.tip.popover = "manual";
    this.tip.setAttribute("aria-hidden", "true"); // the face itself carries the name
    for (const name of ["pointerover", "focusin"]) this.list.addEventListener(name, (event) => this.#name(event.target));
    for (const name of ["pointerout", "focusout"]) this.list.addEventListener(name, () => this.#name(null));
    this.list.addEventListener("keydown", (event) => this.#key(event));
  }

  /** `tail` stands after the last face. */
  show({ faces }: Row, { self }: RoomSnapshot, tail: readonly Element[]): void {
    const items = faces.map((member) => this.#item(member, member.id === self?.id));
    const kept = new Set(faces.map(({ id }) => id));
    for (const id of this.#items.keys()) if (!kept.has(id)) this.#items.delete(id);
    arrange(this.list, [...items, ...tail]);
    if (this.#current && !this.#current.isConnected) this.#name(null);
    const stops = this.#faces();
    if (!stops.some((face) => face.tabIndex === 0) && stops[0]) stops[0].tabIndex = 0;
  }

  #item(member: Member, self: boolean): HTMLLIElement {
    let item = this.#items.get(member.id);
    if (!item) {
      item = document.createElement("li");
      const face = make("span", "face");
      face.setAttribute("role", "img");
      face.tabIndex = -1;
      item.append(face);
      this.#items.set(member.id, item);
    }
    const face = item.firstElementChild as HTMLElement;
    paint(face, member, self);
    face.setAttribute("part", self ? "face self" : "face");
    face.setAttribute("aria-label", describe(member, self));
    if (face === this.#current) this.#name(face);
    return item;
  }

  #faces(): HTMLElement[] {
    return [...this.list.querySelectorAll<HTMLElement>(".face")];
  }

  #name(target: EventTarget | null): void {
    const face = target instanceof HTMLElement && target.matches(".face") ? target : null;
    this.#current = face;
    this.tip.textContent = face?.getAttribute("aria-label") ?? "";
    this.tip.togglePopover(!!face);
    if (face) placeBeside(this.tip, face);
  }

  #key(event: KeyboardEvent): void {
    const faces = this.#faces();
    const at = faces.indexOf(event.target as HTMLElement);
    const steps: Record<string, number> = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: faces.length - 1 };
    if (event.key === "Escape") this.#name(null);
    const next = faces[steps[event.key] ?? -1];
    if (!next) return;
    event.preventDefault();
    for (const face of faces) face.tabIndex = face === next ? 0 : -1;
    next.focus();
  }
}
