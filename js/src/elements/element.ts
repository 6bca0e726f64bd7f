/*
 * What both elements share: a shadow root, and a hold on a room while they are in the page. All elements of one page that name the same server
 * share one connection; so does the page's own code that calls connect().
 */
import { connect, type Here } from "../core/connect.js";
import type { Room } from "../core/store.js";
import { adopt } from "./style.js";

let home: string | undefined;
let ready = false;
const waiting = new Set<() => void>();

/** Which server is meant where an element has no `src`: where alsohere.js came from. */
export function setHome(url: string): void {
  home = url;
}

/** The page's own modules run first: one of them may connect with a token, and the elements then use that connection. */
function whenReady(begin: () => void): void {
  if (ready) return begin();
  if (!waiting.size) {
    if (document.readyState === "complete") queueMicrotask(begun);
    else for (const name of ["DOMContentLoaded", "load"]) addEventListener(name, begun, { once: true });
  }
  waiting.add(begin);
}

function begun(): void {
  ready = true;
  for (const begin of waiting) begin();
  waiting.clear();
}

const Parent = (globalThis.HTMLElement ?? class {}) as typeof HTMLElement; // importable where there is no page

export abstract class PresenceElement extends Parent {
  protected held: Room | undefined;
  protected readonly root = this.attachShadow({ mode: "open" });
  #begin = (): void => this.restart();

  constructor() {
    super();
    adopt(this.root);
  }

  /** Take hold of the room that the attributes name. */
  protected abstract hold(here: Here): Room;
  protected abstract render(): void;

  connectedCallback(): void {
    whenReady(this.#begin);
  }

  disconnectedCallback(): void {
    waiting.delete(this.#begin);
    this.release();
  }

  attributeChangedCallback(_name: string, before: string | null, after: string | null): void {
    if (before !== after && this.held) this.restart();
  }

  protected restart(): void {
    this.release();
    const room = (this.held = this.hold(connect(this.getAttribute("src") ?? home)));
    room.subscribe(() => this.render());
    room.on("refused", ({ message }) => console.warn(`<${this.localName}> ${room.name}: ${message}`));
    this.render();
  }

  protected release(): void {
    this.held?.leave();
    this.held = undefined;
  }
}
