/*
 * <also-online src="/here"></also-online>: how many people are connected; a click lists them.
 *
 * Closed, it asks for the count only; the list is watched while it is open.
 */
import type { Here } from "../core/everything.js";
import type { Room } from "../core/store.js";
import { LiveElement } from "./element.js";
import { make } from "./float.js";
import { Panel } from "./panel.js";
import { texts } from "./texts.js";

export class AlsoOnline extends LiveElement<Room> {
  static observedAttributes = ["src"];
  #button = make("button", "button");
  #label = make("span", "label");
  #panel = new Panel(this.#button, texts.onlineTitle, (open) => this.#toggled(open));
  #list: Room | undefined;

  constructor() {
    super();
    this.#button.type = "button";
    const dot = make("span", "dot");
    dot.setAttribute("aria-hidden", "true");
    this.#button.append(dot, this.#label);
    this.root.append(this.#button, this.#panel.root);
  }

  protected hold(here: Here): Room {
    return this.voiced(here.online({ watch: "count" }));
  }

  protected override release(): void {
    this.#list?.leave();
    this.#list = undefined;
    super.release();
  }

  protected render(): void {
    const snapshot = this.held?.getSnapshot();
    if (!snapshot) return;
    this.#label.textContent = texts.online(snapshot.mode === null ? "…" : snapshot.count);
    this.#button.toggleAttribute("data-stale", snapshot.status !== "live");
    this.#button.title = snapshot.status === "stale" ? texts.reconnecting : "";
    if (this.#list) this.#panel.show(snapshot);
  }

  #toggled(open: boolean): void {
    this.#list?.leave();
    this.#list = open ? this.here?.online() : undefined;
    this.render();
  }
}
