/*
 * <also-ranking prefix="/posts/" limit="5" known src="/here"><a href="/posts/1">First post</a> …</also-ranking>: where most people are now.
 *
 * Titles, the first that has one: the property `titles` (an object or a function), the attribute `titles` (JSON), the links inside, which are also
 * what a page shows before the first answer. known: leave out rooms without a title; anybody who may enter a room makes its name appear.
 *
 * While somebody points at the list, or is in it with the keyboard, nothing in it changes place: a link that moves is a link missed.
 */
import type { Here } from "../core/everything.js";
import type { Ranking } from "../core/rankings.js";
import type { RoomCount } from "../core/wire.js";
import { path, plain, steady, titled, type Titles } from "./board.js";
import { LiveElement } from "./element.js";
import { arrange, make } from "./float.js";
import { adopt } from "./style.js";
import { texts } from "./texts.js";

const LIMIT = 10;
const MOST = 100; // that the server gives
const GLIDE_MS = 450;

const CSS = `
:host { display: block; font: var(--also-font, inherit) }
.board { --_share: 0; transition: opacity .3s }
.board[data-stale] { opacity: .45 }
.board li { position: relative; display: flex; align-items: baseline; gap: 1em; padding-block: .55em }
.board li::before, .board li::after { content: ""; position: absolute; inset: auto 0 0; block-size: 2px; border-radius: 1px; background: var(--_border) }
.board li::after { background: var(--_accent); transform-origin: left; scale: var(--_share) 1; transition: scale .6s ease-out }
:host(:dir(rtl)) .board li::after { transform-origin: right }
.room { flex: 1; min-inline-size: 0; color: inherit; text-decoration: none; overflow-wrap: anywhere }
a.room:hover { text-decoration: underline; text-underline-offset: .2em }
.room:focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px; border-radius: 2px }
.count { flex: none; font: 600 .875em system-ui, sans-serif; font-variant-numeric: tabular-nums }
.nobody { margin: 0; opacity: .75 }
@media (prefers-reduced-motion: reduce) { .board, .board li::after { transition: none } }
`;

export class AlsoRanking extends LiveElement<Ranking> {
  static observedAttributes = ["prefix", "limit", "known", "titles", "src"];
  #list = make("ol", "board");
  #nobody = make("p", "nobody");
  #slot = document.createElement("slot");
  #items = new Map<string, HTMLLIElement>();
  #first: readonly RoomCount[] | null = null;
  #titles: Titles | null = null;
  #parsed: Titles = {};

  constructor() {
    super();
    adopt(this.root, CSS);
    this.#list.setAttribute("role", "list");
    this.#list.setAttribute("aria-live", "off"); // it changes every second; who wants to know reads it
    for (const name of ["pointerleave", "focusout"]) this.#list.addEventListener(name, () => queueMicrotask(() => this.render()));
    this.root.append(this.#slot);
  }

  get titles(): Titles | null {
    return this.#titles;
  }
  set titles(titles: Titles | null) {
    this.#titles = titles;
    this.render();
  }

  protected hold(here: Here): Ranking {
    this.#parsed = parsed(this.getAttribute("titles"));
    const ranking = here.ranking({ prefix: this.#prefix, limit: this.hasAttribute("known") ? MOST : this.#limit });
    this.#first = ranking.getSnapshot().length ? null : ranking.getSnapshot();
    return ranking;
  }

  protected render(): void {
    const rooms = this.held?.getSnapshot();
    if (!rooms || rooms === this.#first) return;
    this.#first = null;
    const titles = this.#sources();
    const call = (room: string): string | null => titles.map((source) => titled(room, source)).find(Boolean) ?? null;
    const shown = this.#ordered(rooms.filter(({ room }) => !this.hasAttribute("known") || call(room)));
    const most = Math.max(1, ...shown.map(({ count }) => count));
    this.#list.toggleAttribute("data-stale", this.here?.getSnapshot().status !== "connected");
    this.#list.setAttribute("aria-label", texts.ranking);
    this.#nobody.textContent = texts.nobody;
    arrange(this.root, [shown.length ? this.#list : this.#nobody]);
    this.#glide(shown.map(({ room, count }) => this.#item(room, call(room) ?? plain(room, this.#prefix), count, count / most)));
    const kept = new Set(shown.map(({ room }) => room));
    for (const room of this.#items.keys()) if (!kept.has(room)) this.#items.delete(room);
  }

  get #prefix(): string {
    return this.getAttribute("prefix") ?? "";
  }

  get #limit(): number {
    return Math.min(MOST, Math.max(1, Math.floor(Number(this.getAttribute("limit"))) || LIMIT));
  }

  #ordered(rooms: readonly RoomCount[]): RoomCount[] {
    const pointed = this.#list.matches(":hover, :focus-within");
    return (pointed ? steady(rooms, [...this.#items.keys()]) : rooms).slice(0, this.#limit);
  }

  #sources(): Titles[] {
    const links = [...this.querySelectorAll<HTMLAnchorElement>("a[href]")].map((link) => [link.pathname, link.textContent?.trim() ?? ""]);
    return [this.#titles ?? {}, this.#parsed, Object.fromEntries(links)];
  }

  #item(room: string, title: string, count: number, share: number): HTMLLIElement {
    const item = this.#items.get(room) ?? entry(path(room));
    this.#items.delete(room); // the map's order is the list's
    this.#items.set(room, item);
    const [link, number] = item.children as unknown as [HTMLElement, HTMLElement];
    if (link.textContent !== title) link.textContent = title;
    if (number.textContent !== String(count)) number.textContent = String(count);
    number.setAttribute("aria-label", texts.people(count));
    item.style.setProperty("--_share", share.toFixed(3));
    return item;
  }

  /** Put them in order; those that change place are seen to go there. */
  #glide(items: readonly HTMLLIElement[]): void {
    const tops = new Map(items.filter((item) => item.isConnected).map((item) => [item, item.offsetTop]));
    arrange(this.#list, items);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    for (const [item, top] of tops) {
      const way = top - item.offsetTop;
      if (way) item.animate({ translate: [`0 ${way}px`, "0 0"] }, { duration: GLIDE_MS, easing: "ease-in-out" });
    }
    for (const item of items) if (!tops.has(item)) item.animate({ opacity: [0, 1] }, GLIDE_MS);
  }
}

function entry(href: string | null): HTMLLIElement {
  const item = document.createElement("li");
  const room = make(href ? "a" : "span", "room");
  if (href) room.setAttribute("href", href);
  const number = make("span", "count");
  number.setAttribute("role", "img"); // so that its label is read, not a bare number
  item.append(room, number);
  return item;
}

function parsed(json: string | null): Titles {
  try {
    const titles: unknown = JSON.parse(json ?? "{}");
    return titles && typeof titles === "object" ? (titles as Titles) : {};
  } catch {
    console.warn("<also-ranking>: the attribute titles is not JSON");
    return {};
  }
}
