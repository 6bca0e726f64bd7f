/*
 * What is behind the bell: the lists of an inbox, by keyboard too. Arrow keys, Home and End go from line to line, Delete archives.
 *
 * What somebody reads does not go away under their eyes: in the list of the unread it stays until another list is chosen, or the panel closed.
 */
import type { InboxSnapshot } from "../core/inbox.js";
import { isUnread } from "../core/marking.js";
import type { EntryState, Notification } from "../core/wire.js";
import { type Acts, Entry, tool } from "./entry.js";
import { arrange, make } from "./float.js";
import { categoryOf, type Digest, rows } from "./letter.js";
import { Popup } from "./popup.js";
import { texts } from "./texts.js";

export type List = keyof typeof texts.inbox.lists & EntryState;

export interface Wishes {
  toggled(open: boolean): void;
  choose(state: List, category: string | null): void;
  mark(ids: readonly number[], as: "seen" | "read" | "unread" | "archived"): void;
  markAll(category: string | null): void;
  /** Returns whether the page goes on by itself. */
  opened(item: Notification): boolean;
  more(): void;
}

export class Letterbox extends Popup {
  list: List = "inbox";
  category: string | null = null;
  #allRead = make("button", "button all", texts.inbox.allRead);
  #switches = new Map<List, HTMLButtonElement>();
  #select = make("select", "category");
  #state = make("p", "state");
  #letters = make("ul", "letters");
  #empty = make("p", "empty");
  #more = make("button", "button rest", texts.inbox.more);
  #scroll = make("div", "scroll");
  #entries = new Map<string, Entry>();
  #expanded = new Set<number>();
  #digests = new Map<string, ReadonlySet<number>>();
  /** Read here, in the list of the unread. */
  #kept = new Map<number, Notification>();
  #seen = new Set<number>();
  #known = new Set<string>();
  #snapshot: InboxSnapshot | undefined;
  #acts: Acts = {
    open: (item, event) => this.#open(item, event),
    mark: (item, as) => this.#mark(item, as),
    toggle: (digest) => this.#toggle(digest),
    markAll: (digest) => this.#read(digest.items.filter(isUnread)),
  };

  constructor(
    button: HTMLButtonElement,
    private readonly wishes: Wishes,
  ) {
    super(button, texts.inbox.title, (open) => wishes.toggled(open));
    const head = make("div", "head");
    head.append(make("div", "title", texts.inbox.title), this.#allRead, tool("close", texts.inbox.close, () => this.#close()));
    this.#allRead.type = "button";
    this.#allRead.addEventListener("click", () => this.#readAll());
    const filter = make("div", "filter");
    filter.append(this.#switch(), this.#select);
    this.#select.setAttribute("aria-label", texts.inbox.category);
    this.#select.addEventListener("change", () => this.#choose(this.list, this.#select.value || null));
    this.#state.setAttribute("role", "status");
    this.#letters.setAttribute("role", "list");
    this.#more.type = "button";
    this.#more.addEventListener("click", () => this.wishes.more());
    this.#scroll.append(this.#letters, this.#empty, this.#more);
    this.root.append(head, filter, this.#scroll, this.#state); // last: it moves no line
    this.root.addEventListener("keydown", (event) => this.#key(event));
  }

  show(snapshot: InboxSnapshot, connected: boolean, failed: boolean): void {
    this.#snapshot = snapshot;
    if (!this.open) return;
    const { status, unread, hasMore } = snapshot;
    const offline = !connected && status !== "refused" && texts.inbox.offline;
    write(this.#state, offline || (failed && texts.inbox.failed) || "");
    this.#allRead.disabled = !(this.category ? unread.byCategory[this.category] : unread.total);
    this.#categories(snapshot);
    for (const [name, button] of this.#switches) button.setAttribute("aria-pressed", String(name === this.list));
    this.#scroll.setAttribute("aria-busy", String(status === "waiting"));
    if (status !== "waiting" || !this.#entries.size) this.#fill(this.#items(snapshot), hasMore);
    const none = status === "refused" ? texts.inbox.refused : status === "waiting" && connected ? texts.inbox.loading : texts.inbox.empty[this.list];
    write(this.#empty, none);
    this.#empty.hidden = this.#letters.childElementCount > 0;
    const leaves = !hasMore && this.#active() === this.#more;
    this.#more.hidden = !hasMore;
    if (leaves) this.root.focus();
    this.#look(snapshot.items);
  }

  protected override closed(): void {
    this.#forget();
    this.#letters.replaceChildren();
  }

  /** Times go on. */
  refresh(): void {
    if (this.#snapshot && this.open) this.#fill(this.#items(this.#snapshot), this.#snapshot.hasMore);
  }

  #items({ items }: InboxSnapshot): readonly Notification[] {
    if (!this.#kept.size) return items;
    const ids = new Set(items.map(({ id }) => id));
    return [...items, ...[...this.#kept.values()].filter(({ id }) => !ids.has(id))].sort((a, b) => b.id - a.id);
  }

  #fill(items: readonly Notification[], hasMore: boolean): void {
    const now = Date.now();
    const active = this.#active();
    const at = [...this.#letters.children].findIndex((line) => line.contains(active));
    const before = this.#entries;
    this.#entries = new Map();
    const lines = rows(this.list === "archived" ? items.map(plain) : items, this.#digests, hasMore).map((row) => {
      const key = "digest" in row ? row.digest.key : String(row.item.id);
      const entry = before.get(key) ?? new Entry(this.#acts);
      this.#entries.set(key, entry);
      if ("digest" in row) entry.showDigest(row.digest, now);
      else entry.show(items.find(({ id }) => id === row.item.id) ?? row.item, row.inside, this.#expanded.has(row.item.id), now);
      return entry;
    });
    arrange(this.#letters, lines.map(({ root }) => root));
    const mains = lines.map(({ main }) => main);
    const next = mains[Math.max(0, Math.min(at, mains.length - 1))];
    this.#stop(mains.find((main) => main.dataset["stop"]) ?? next, mains);
    if (at >= 0 && !this.#active()) (next ?? this.root).focus(); // its line is gone
  }

  #active(): Element | null {
    return (this.root.getRootNode() as ShadowRoot).activeElement;
  }

  /** One stop for the tabulator in the whole list. */
  #stop(main: HTMLElement | undefined, mains: readonly HTMLElement[]): void {
    for (const one of mains) {
      one.tabIndex = one === main ? 0 : -1;
      if (one === main) one.dataset["stop"] = "1";
      else delete one.dataset["stop"];
      for (const button of one.parentElement?.querySelectorAll<HTMLElement>(".tool") ?? []) button.tabIndex = one.tabIndex;
    }
  }

  #key(event: KeyboardEvent): void {
    const { target, key } = event;
    if (target instanceof HTMLSelectElement) return;
    const mains = [...this.#entries.values()].map(({ main }) => main);
    const at = mains.findIndex((main) => main.parentElement?.contains(target as Node));
    const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? 0 : at - 1, Home: 0, End: mains.length - 1 }[key];
    const next = to === undefined ? undefined : mains[Math.max(0, Math.min(mains.length - 1, to))];
    if (next) {
      event.preventDefault();
      this.#stop(next, mains);
      next.focus();
    } else if (key === "Delete" && at >= 0) this.root.querySelectorAll("li")[at]?.querySelector<HTMLElement>(".tools .tool:last-child")?.click();
  }

  #open(item: Notification, event: Event): void {
    if (isUnread(item)) this.#mark(item, "read");
    if (!this.wishes.opened(item)) return event.preventDefault();
    if (!this.#expanded.delete(item.id)) this.#expanded.add(item.id);
    this.refresh();
  }

  #mark(item: Notification, as: "read" | "unread" | "archived"): void {
    if (as === "read") return this.#read([item]);
    this.#kept.delete(item.id);
    this.wishes.mark([item.id], as);
  }

  #read(items: readonly Notification[]): void {
    const now = Date.now();
    if (this.list === "unread") for (const item of items) this.#kept.set(item.id, { ...item, read_at: now });
    this.wishes.mark(items.map(({ id }) => id), "read");
  }

  #readAll(): void {
    if (this.list === "unread") for (const item of this.#snapshot?.items ?? []) this.#kept.set(item.id, { ...item, read_at: Date.now() });
    this.wishes.markAll(this.category);
    if (!this.#active()) this.root.focus(); // what is disabled has no focus
  }

  #toggle(digest: Digest): void {
    if (!this.#digests.delete(digest.key)) this.#digests.set(digest.key, new Set(digest.items.map(({ id }) => id)));
    this.refresh();
  }

  /** What is on the screen has been seen. Asked once each: if that is refused, it does not matter. */
  #look(items: readonly Notification[]): void {
    const news = items.filter(({ id, seen_at }) => seen_at === undefined && !this.#seen.has(id)).map(({ id }) => id);
    for (const id of news) this.#seen.add(id);
    if (news.length) queueMicrotask(() => this.wishes.mark(news, "seen"));
  }

  #switch(): HTMLElement {
    const group = make("div", "switch");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", texts.inbox.list);
    for (const [name, label] of Object.entries(texts.inbox.lists)) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = label;
      button.addEventListener("click", () => this.#choose(name as List, this.category));
      this.#switches.set(name as List, button);
      group.append(button);
    }
    return group;
  }

  #categories({ items, unread }: InboxSnapshot): void {
    for (const name of [...Object.keys(unread.byCategory), ...items.map(({ category }) => category)]) this.#known.add(name);
    const all: [string, string][] = [["", texts.inbox.everything]];
    for (const name of [...this.#known].sort()) {
      const count = unread.byCategory[name];
      all.push([name, categoryOf({ category: name }) + (count ? ` (${count})` : "")]);
    }
    if (String(all) === this.#select.dataset["all"]) return;
    this.#select.dataset["all"] = String(all);
    this.#select.replaceChildren(...all.map(([value, label]) => new Option(label, value)));
    this.#select.value = this.category ?? "";
  }

  #choose(list: List, category: string | null): void {
    this.list = list;
    this.category = category;
    this.#forget();
    this.#scroll.scrollTop = 0;
    this.wishes.choose(list, category);
  }

  #forget(): void {
    this.#kept.clear();
    this.#digests.clear();
    this.#expanded.clear();
  }

  #close(): void {
    this.root.hidePopover();
    this.button.focus();
  }
}

/** In the archive nothing is gathered. */
function plain({ topic: _, ...item }: Notification): Notification {
  return item;
}

function write(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
