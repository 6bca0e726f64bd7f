/*
 * A list whose faces are one tab stop together: arrow keys go from face to face, and the one that is pointed at or focused has its name beside it.
 *
 * What stands in the list is for the caller to say; each face carries its words as aria-label.
 */
import { make, placeBeside } from "./float.js";

const STEPS: Readonly<Record<string, number>> = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };

export class Roving {
  readonly list: HTMLUListElement;
  readonly tip = make("div", "tip");
  #current: HTMLElement | null = null;

  constructor(part: string) {
    this.list = make("ul", part);
    this.list.setAttribute("role", "list"); // Safari takes the meaning away with the bullets
    this.tip.popover = "manual";
    this.tip.setAttribute("aria-hidden", "true"); // the face itself carries the name
    for (const name of ["pointerover", "focusin"]) this.list.addEventListener(name, (event) => this.#name(event.target));
    for (const name of ["pointerout", "focusout"]) this.list.addEventListener(name, () => this.#name(null));
    this.list.addEventListener("keydown", (event) => this.#key(event));
  }

  /** After the list has changed. */
  settle(): void {
    this.#name(this.#current?.isConnected ? this.#current : null);
    const stops = this.#faces();
    if (!stops.some((face) => face.tabIndex === 0) && stops[0]) stops[0].tabIndex = 0;
  }

  #faces(): HTMLElement[] {
    return [...this.list.querySelectorAll<HTMLElement>(".face")];
  }

  #name(target: EventTarget | null): void {
    const face = target instanceof HTMLElement && target.matches(".face") ? target : null;
    if (!face && !this.#current) return;
    this.#current = face;
    this.tip.textContent = face?.getAttribute("aria-label") ?? "";
    this.tip.togglePopover(!!face);
    if (face) placeBeside(this.tip, face);
  }

  #key(event: KeyboardEvent): void {
    const faces = this.#faces();
    if (event.key === "Escape") this.#name(null);
    const step = STEPS[event.key];
    if (step === undefined) return;
    const at = Math.min(faces.length - 1, Math.max(0, faces.indexOf(event.target as HTMLElement) + step));
    const next = faces[at];
    if (!next) return;
    event.preventDefault();
    for (const face of faces) face.tabIndex = face === next ? 0 : -1;
    next.focus();
  }
}

/** A face that a Roving list walks to: in an item of its own. */
export function item(): HTMLLIElement {
  const entry = document.createElement("li");
  const face = make("span", "face");
  face.setAttribute("role", "img");
  face.tabIndex = -1;
  entry.append(face);
  return entry;
}
