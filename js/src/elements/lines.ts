/*
 * The lines of <also-inbox>: one stop for the tabulator together; arrow keys, Home and End go from line to line, Delete archives.
 *
 * A line stays the same element while what it shows changes, so that focus and menus survive; where it goes away, the next one has the focus.
 */
import type { Notification } from "../core/wire.js";
import { type Acts, Entry } from "./entry.js";
import { arrange, focused, make } from "./float.js";
import { type Digest, rows } from "./letter.js";

export interface ListActs extends Acts {
  /** The last line is gone, and had the focus. */
  lost(): void;
}

export class Lines {
  readonly root = make("ul", "letters");
  #entries = new Map<string, Entry>();
  #expanded = new Set<number>();
  #digests = new Map<string, ReadonlySet<number>>();

  constructor(private readonly acts: ListActs) {
    this.root.setAttribute("role", "list");
  }

  /** There was nothing at the last `show`. */
  get empty(): boolean {
    return !this.#entries.size;
  }

  /** @param hasMore not everything is loaded. */
  show(items: readonly Notification[], hasMore: boolean): void {
    const now = Date.now();
    const active = focused(this.root);
    const at = [...this.root.children].findIndex((line) => line.contains(active));
    const before = this.#entries;
    this.#entries = new Map();
    const entries = rows(items, this.#digests, hasMore).map((row) => {
      const key = "digest" in row ? row.digest.key : String(row.item.id);
      const entry = before.get(key) ?? new Entry(this.acts);
      this.#entries.set(key, entry);
      if ("digest" in row) entry.showDigest(row.digest, now);
      else entry.show(row.item, row.inside, this.#expanded.has(row.item.id), now);
      return entry;
    });
    arrange(this.root, entries.map(({ root }) => root));
    const mains = this.#mains();
    const next = mains[Math.max(0, Math.min(at, mains.length - 1))];
    this.#stop(mains.find((main) => main.dataset["stop"]) ?? next, mains);
    if (at < 0 || focused(this.root)) return;
    if (next) next.focus(); // its line is gone
    else this.acts.lost();
  }

  /** Open it, or close it: at the next `show`. */
  expand({ id }: Notification): void {
    if (!this.#expanded.delete(id)) this.#expanded.add(id);
  }

  /** The same for a digest. It keeps the ones it has now. */
  toggle({ key, items }: Digest): void {
    if (!this.#digests.delete(key)) this.#digests.set(key, new Set(items.map(({ id }) => id)));
  }

  /** What was expanded, and which digests were open. */
  forget(): void {
    this.#digests.clear();
    this.#expanded.clear();
  }

  /** A key that was pressed around here. */
  key(event: KeyboardEvent): void {
    const { target, key } = event;
    const mains = this.#mains();
    const at = mains.findIndex((main) => main.parentElement?.contains(target as Node));
    const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? 0 : at - 1, Home: 0, End: mains.length - 1 }[key];
    const next = to === undefined ? undefined : mains[Math.max(0, Math.min(mains.length - 1, to))];
    if (next) {
      event.preventDefault();
      this.#stop(next, mains);
      next.focus();
    } else if (key === "Delete" && at >= 0) this.root.children[at]?.querySelector<HTMLElement>("[data-does=archive]")?.click();
  }

  #mains(): HTMLElement[] {
    return [...this.#entries.values()].map(({ main }) => main);
  }

  #stop(main: HTMLElement | undefined, mains: readonly HTMLElement[]): void {
    for (const one of mains) {
      one.tabIndex = one === main ? 0 : -1;
      if (one === main) one.dataset["stop"] = "1";
      else delete one.dataset["stop"];
      for (const button of one.parentElement?.querySelectorAll<HTMLElement>(".tool") ?? []) button.tabIndex = one.tabIndex;
    }
  }
}
