/*
 * The timeline beside an article: a rail that fills up to where one is, and everybody else's face at their place.
 *
 * It stands still in the window, beside the text where there is room for faces, else as a thin bar with dots at the window's edge, in the page's
 * margin: it covers none of the text. Everything that moves, moves by transform.
 */
import type { Member } from "../core/wire.js";
import { paint } from "./faces.js";
import { arrange, make } from "./float.js";
import { describe } from "./people.js";
import { eldest, type Group, groups, type Reader } from "./rail.js";
import { item, Roving } from "./roving.js";
import { texts } from "./texts.js";

/** What a rail with faces needs beside the text, in px; and how far apart two faces or two dots must be. */
const ROOM = 60;
const FACE = 26;
const DOT = 15;
const NAMES = 6;

export const TRACK = `
:host { display: contents }
.rail {
  --_size: 1.5rem; --_at: 0;
  position: fixed; inset-block: 20vh 18vh; z-index: 1; inline-size: 3px; pointer-events: none;
  border-radius: 3px; background: var(--_line); transition: opacity .3s;
  --_line: var(--also-rail, color-mix(in srgb, var(--_text) 16%, transparent));
}
.rail[data-away] { opacity: 0; visibility: hidden; transition: opacity .3s, visibility 0s .3s }
.rail[data-stale] { opacity: .45 }
.fill { position: absolute; inset: 0; border-radius: inherit; background: var(--_accent); transform-origin: top; scale: 1 calc(var(--_at) / 100) }
.readers li { position: absolute; inset: 0; translate: 0 calc(var(--_at) * 1%); transition: translate 1s linear }
.readers .face {
  position: absolute; inset-block-start: 0; inset-inline-start: 9px; margin-block-start: calc(var(--_size) / -2);
  pointer-events: auto; font-size: .625rem; box-shadow: 0 0 0 2px var(--_ring);
}
.readers .face::after { content: ""; position: absolute; inset: -6px }
.readers li:hover, .readers li:focus-within { z-index: 2 }
.readers .own { transition: none; z-index: 1 }
.readers .own .face::after { content: none }
.readers .own .face {
  inset-inline-start: -5.5px; inline-size: 14px; block-size: 6px; margin-block-start: -3px;
  border: 0; border-radius: 3px; background: var(--_accent);
}
.readers [data-many] {
  --_chroma: 0; border-radius: calc(var(--_size) / 2); inline-size: auto; min-inline-size: var(--_size); padding-inline: .4em;
}
.number {
  position: absolute; inset-block-start: 100%; inset-inline-start: 50%; translate: -50%; margin-block-start: .6rem;
  color: var(--_text); font-size: .75rem; font-weight: 500; font-variant-numeric: tabular-nums; opacity: .7;
}
.rail[data-side=start] .face { inset-inline: auto 9px }
.rail[data-side=start] .own .face { inset-inline: auto -5.5px }
.rail[data-edge] { inset-inline-end: 1px }
.rail[data-edge] .number { display: none }
.rail[data-edge] .readers .face {
  --_size: 8px; inset-inline: auto 7px; box-shadow: 0 0 0 1px var(--_ring); background: oklch(.6 .13 var(--_hue)); color: transparent; font-size: 0;
}
.rail[data-edge] .readers [data-many] { block-size: 13px; margin-block-start: -6.5px; border-radius: 4px; background: color-mix(in srgb, var(--_text) calc(38% + min(var(--_many), 12) * 3%), var(--_ring)) }
.rail[data-edge] .readers .own .face { inset-inline: auto 0; inline-size: 7px; background: var(--_accent) }
@media (prefers-reduced-motion: reduce) { .rail, .readers li { transition: none } }
@media (prefers-reduced-motion: no-preference) { .readers li { animation: arrive .3s ease-out } }
@media print { .rail { display: none } }
`;

export class Track {
  readonly root = make("div", "rail");
  #roving = new Roving("readers");
  readonly tip = this.#roving.tip;
  #fill = make("div", "fill");
  #number = make("span", "number");
  #own = item();
  #items = new Map<string, HTMLLIElement>();

  constructor() {
    this.#own.classList.add("own");
    this.#number.setAttribute("aria-hidden", "true"); // the list says it
    this.root.append(this.#fill, this.#roving.list, this.#number);
  }

  /** Stand beside `article`: on the side where lines end, where there is room, else on the other, else at the window's edge. */
  place(article: Element): void {
    const { left, right } = article.getBoundingClientRect();
    const { clientWidth } = document.documentElement;
    const { style, dataset } = this.root;
    const ltr = getComputedStyle(article).direction !== "rtl";
    const sides = [
      { side: "end", room: clientWidth - right, left: right + 20 },
      { side: "start", room: left, left: left - 20 },
    ];
    const found = (ltr ? sides : sides.reverse()).find(({ room }) => room >= ROOM);
    this.root.toggleAttribute("data-edge", !found);
    if (found) [dataset["side"], style.left] = [(found.side === "end") === ltr ? "end" : "start", `${found.left}px`];
    else style.left = "";
  }

  /** Where one is oneself: at once, and without asking anybody. */
  move(at: number): void {
    for (const part of [this.#fill, this.#own]) part.style.setProperty("--_at", String(at));
  }

  show(others: readonly Reader[], count: number, self: Member | null, at: number): void {
    const apart = ((this.root.hasAttribute("data-edge") ? DOT : FACE) / (this.root.clientHeight || 1)) * 100;
    const shown = groups(others, apart);
    const ids = new Set(shown.map((group) => eldest(group).id));
    for (const id of this.#items.keys()) if (!ids.has(id)) this.#items.delete(id);
    this.#mark(self, at);
    arrange(this.#roving.list, [...shown.map((group) => this.#item(group)), this.#own]);
    this.#roving.list.setAttribute("aria-label", texts.readers(count, at));
    this.#number.textContent = count ? String(count) : "";
    this.#roving.settle();
  }

  #mark(self: Member | null, at: number): void {
    const face = this.#own.firstElementChild as HTMLElement;
    face.setAttribute("part", "face self");
    face.toggleAttribute("data-self", true);
    face.setAttribute("aria-label", texts.at(self ? describe(self, true) : texts.you(""), at));
  }

  #item(group: Group): HTMLLIElement {
    const first = eldest(group);
    const entry = this.#items.get(first.id) ?? item();
    this.#items.set(first.id, entry);
    entry.style.setProperty("--_at", group.at.toFixed(1));
    const face = entry.firstElementChild as HTMLElement;
    const names = group.readers.map(({ member }) => describe(member, false));
    paint(face, first, false);
    face.toggleAttribute("data-many", names.length > 1);
    face.style.setProperty("--_many", String(names.length));
    if (names.length > 1) face.textContent = String(names.length);
    face.setAttribute("part", "face");
    face.setAttribute("aria-label", texts.at(texts.names(names.slice(0, NAMES), names.length - NAMES), Math.round(group.at)));
    return entry;
  }
}
