/*
 * <also-here room="/post/1" max="8" src="/here" watch></also-here>: the faces of the people on this page.
 *
 * room: default is the page's path. max: how many faces. src: where the server is mounted. watch: see them without being counted.
 */
import type { Here } from "../core/everything.js";
import type { RoomSnapshot } from "../core/copy.js";
import type { Room } from "../core/store.js";
import { Bulletin } from "./bulletin.js";
import { PlacedElement } from "./element.js";
import { Faces } from "./faces.js";
import { make } from "./float.js";
import { Panel } from "./panel.js";
import { row } from "./people.js";
import { texts } from "./texts.js";

const MAX = 8;

export class AlsoHere extends PlacedElement<Room> {
  static observedAttributes = ["room", "max", "src", "watch"];
  #row = make("div", "row");
  #faces = new Faces();
  #more = make("button", "more");
  #tail = document.createElement("li");
  #panel = new Panel(this.#more, texts.hereTitle, () => this.render());
  #said = make("div", "said");
  #bulletin = new Bulletin((sentence) => (this.#said.textContent = sentence));

  constructor() {
    super();
    this.#said.setAttribute("role", "status");
    this.#more.type = "button";
    this.#tail.append(this.#more);
    this.#row.append(this.#faces.list);
    this.root.append(this.#row, this.#faces.tip, this.#panel.root, this.#said);
  }

  protected hold(here: Here): Room {
    const room = this.voiced(this.hasAttribute("watch") ? here.watch(this.place) : here.room(this.place));
    room.on("enter", (member) => this.#tell("enter", room.getSnapshot(), member));
    room.on("leave", (member) => this.#tell("leave", room.getSnapshot(), member));
    return room;
  }

  protected override release(): void {
    this.#bulletin.stop();
    super.release();
  }

  protected render(): void {
    const snapshot = this.held?.getSnapshot();
    if (!snapshot) return;
    const shown = row(snapshot, Math.max(1, Number(this.getAttribute("max")) || MAX));
    const stale = snapshot.status === "stale";
    this.#faces.show(shown, snapshot, shown.rest ? [this.#tail] : []);
    this.#faces.list.setAttribute("aria-label", texts.here(snapshot.count) + (stale ? `. ${texts.reconnecting}` : ""));
    this.#row.toggleAttribute("data-stale", stale);
    this.#more.textContent = texts.more(shown.rest);
    this.#more.setAttribute("aria-label", texts.moreLabel(shown.rest));
    this.#panel.show(snapshot);
  }

  /** Only others, only where the list names everyone, and only in the room that the visitor is in. */
  #tell(what: "enter" | "leave", { mode, self }: RoomSnapshot, member: { readonly id: string; readonly name: string }): void {
    if (mode === "full" && self && member.id !== self.id && !this.hasAttribute("watch")) this.#bulletin[what](member);
  }
}
