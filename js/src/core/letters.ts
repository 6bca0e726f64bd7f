/*
 * This page's copy of one inbox: what the server said of it, what the page has marked since, and what that makes together.
 *
 * What is heard between a question and its answer is newer than the answer. So everything has the number of when it was heard.
 */
import { isListed, marked, remaining, type Which } from "./marking.js";
import type { InboxPage, Marking, Notification, Unread } from "./wire.js";

const NOTHING: Unread = { total: 0, by_category: {} };

interface Letter {
  readonly item: Notification;
  readonly heard: number;
}

export class Letters {
  /** Marks that the server has not answered yet, in order. */
  queue: readonly Marking[] = [];
  #letters = new Map<number, Letter>();
  #told = new Set<number>();
  #recalled = new Set<number>();
  #unread: Unread = NOTHING;
  #unreadHeard = 0;
  #heard = 0;

  /** The moment, for `answer`. */
  get now(): number {
    return this.#heard;
  }

  get newest(): number {
    return Math.max(0, ...this.#letters.keys());
  }

  /** Whether it is news: not sent before. */
  arrive(item: Notification): boolean {
    if (this.#recalled.has(item.id)) return false;
    const news = !this.#told.has(item.id);
    this.#told.add(item.id);
    if (!this.#letters.has(item.id)) this.#put(item);
    return news;
  }

  /** A page of what is listed by `which`, asked for `before` that id at the moment `asked`. Returns where it ends. */
  answer({ items, unread, next }: InboxPage, which: Which, before: number, asked: number): number {
    const floor = next === undefined ? 0 : (items.at(-1)?.id ?? 0);
    const ids = new Set(items.map(({ id }) => id));
    for (const [id, { item, heard }] of this.#letters) {
      if (heard <= asked && id >= floor && id < before && !ids.has(id) && isListed(item, which)) this.#letters.delete(id);
    }
    for (const item of items) {
      const known = this.#letters.get(item.id);
      if (!(known && known.heard > asked) && !this.#recalled.has(item.id)) this.#letters.set(item.id, { item, heard: asked });
    }
    if (this.#unreadHeard <= asked) this.#unread = unread;
    return floor;
  }

  count(unread: Unread): void {
    this.#unread = unread;
    this.#unreadHeard = ++this.#heard;
  }

  /** The server has marked something, on behalf of this page or of another one. */
  mark(marking: Marking, at: number): void {
    for (const { item } of this.#letters.values()) {
      const after = marked(item, marking, at);
      if (after !== item) this.#put(after);
    }
  }

  /** It is another text now; the marks are this page's. */
  edit(edited: Notification): void {
    const known = this.#letters.get(edited.id)?.item;
    if (!known) return;
    const { delivered_at, seen_at, read_at, archived_at } = known;
    const marks = Object.fromEntries(Object.entries({ delivered_at, seen_at, read_at, archived_at }).filter(([, at]) => at !== undefined));
    this.#put({ ...edited, ...marks });
  }

  recall(ids: readonly number[]): void {
    for (const id of ids) {
      this.#recalled.add(id);
      this.#letters.delete(id);
    }
  }

  /** Newest first, as it will be. */
  list(which: Which, floor: number, now: number): Notification[] {
    const all = [...this.#letters.values()].map(({ item }) => this.queue.reduce((before, marking) => marked(before, marking, now), item));
    return all.filter((item) => item.id >= floor && isListed(item, which)).sort((a, b) => b.id - a.id);
  }

  unread(): Unread {
    return this.queue.length ? remaining(this.#unread, [...this.#letters.values()].map(({ item }) => item), this.queue) : this.#unread;
  }

  #put(item: Notification): void {
    this.#letters.set(item.id, { item, heard: ++this.#heard });
  }
}
