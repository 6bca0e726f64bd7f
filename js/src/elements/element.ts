/*
 * What all elements share: a shadow root, and a hold on something of the server's while they are in the page. All elements of one page that name
 * the same server share one connection; so does the page's own code that calls connect().
 */
import { connect, type Here } from "../core/everything.js";
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

const told = new WeakMap<Here, string>();

/** Why there is no connection, for the page's author: once, however many elements share it. No warning, as it may be meant. */
function tell(here: Here): void {
  const { error } = here.getSnapshot();
  if (!error || told.get(here) === error.message) return;
  told.set(here, error.message);
  console.info(`alsohere: ${error.message}`);
}

interface Hold {
  subscribe(listener: () => void): () => void;
  leave(): void;
}

export abstract class LiveElement<Held extends Hold> extends Parent {
  protected held: Held | undefined;
  protected readonly root = this.attachShadow({ mode: "open" });
  /** The connection. */
  protected here: Here | undefined;
  #begin = (): void => this.restart();
  #quit = (): void => {};

  constructor() {
    super();
    adopt(this.root);
  }

  /** Take hold of what the attributes name. */
  protected abstract hold(here: Here): Held;
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
    const here = (this.here = connect(this.getAttribute("src") ?? home));
    this.#quit = here.subscribe(() => {
      tell(here);
      this.render();
    });
    this.held = this.hold(here);
    this.held.subscribe(() => this.render());
    this.render();
  }

  protected release(): void {
    this.#quit();
    this.held?.leave();
    this.held = undefined;
  }

  /** A room whose refusals the page's author is told of. */
  protected voiced(room: Room): Room {
    room.on("refused", ({ message }) => console.warn(`<${this.localName}> ${room.name}: ${message}`));
    return room;
  }
}

/** An element that an attribute gives a name to; without it, the path of the page does, wherever a single-page application goes. */
export abstract class PlacedElement<Held extends Hold & { readonly name: string }> extends LiveElement<Held> {
  #moved = (): void => {
    if (this.held && !this.named && this.held.name !== location.pathname) this.restart();
  };

  /** What the attribute says. */
  protected get named(): string | null {
    return this.getAttribute("room");
  }

  protected get place(): string {
    return this.named || location.pathname;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    for (const [target, name] of moves()) target.addEventListener(name, this.#moved);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const [target, name] of moves()) target.removeEventListener(name, this.#moved);
  }
}

/** Where the browser tells that a single-page application went on to another path. */
function moves(): [EventTarget, string][] {
  const { navigation } = globalThis as { navigation?: EventTarget };
  return [[globalThis, "popstate"], ...(navigation ? [[navigation, "currententrychange"] as [EventTarget, string]] : [])];
}
