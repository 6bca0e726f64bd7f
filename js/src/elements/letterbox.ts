/*
 * What is behind the bell: the lists of an inbox, and the settings, by keyboard too.
 *
 * What somebody reads does not go away under their eyes: in the list of the unread it stays until another list is chosen, or the panel closed.
 */
import type { InboxSnapshot, Marks, PreferenceChanges } from "../core/inbox.js";
import { isUnread } from "../core/marking.js";
import type { EntryState, Notification, Preferences } from "../core/wire.js";
import { tool } from "./entry.js";
import { focused, make } from "./float.js";
import { categoryOf, type Digest, topicOf } from "./letter.js";
import { Lines } from "./lines.js";
import { type Choice, Menu } from "./menu.js";
import { Popup } from "./popup.js";
import { Said } from "./said.js";
import { type Kind, Settings } from "./settings.js";
import { texts } from "./texts.js";

export type List = keyof typeof texts.inbox.lists & EntryState;

const NOTHING: Preferences = { muted: { categories: [], topics: [] }, quiet: null };

export interface Wishes {
  toggled(open: boolean): void;
  choose(state: List, category: string | null): void;
  mark(marks: Marks): void;
  /** Without changes it only asks. */
  prefer(changes: PreferenceChanges): Promise<unknown>;
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
  #title = make("div", "title", texts.inbox.title);
  #gear = tool("gear", texts.inbox.settings, () => this.#turn(true));
  #back = tool("left", texts.inbox.toInbox, () => this.#turn(false));
  #filter = make("div", "filter");
  #said = new Said(() => this.root.focus());
  #menu = new Menu();
  #settings = new Settings({
    prefer: (changes) => this.#prefer(changes, texts.inbox.saved),
    mute: (kind, name, mute) => this.#mute(kind, name, mute),
  });
  #asked = false;
  #connected = false;
  #empty = make("p", "empty");
  #more = make("button", "button rest", texts.inbox.more);
  #scroll = make("div", "scroll");
  /** Read here, in the list of the unread. */
  #kept = new Map<number, Notification>();
  #seen = new Set<number>();
  #known = new Set<string>();
  #snapshot: InboxSnapshot | undefined;
  #lines = new Lines({
    open: (item, event) => this.#open(item, event),
    mark: (item, as) => this.#mark(item, as),
    toggle: (digest) => {
      this.#lines.toggle(digest);
      this.refresh();
    },
    markAll: (digest) => this.#readTopic(digest),
    menu: (button, of) => this.#menu.serve(button, () => this.#choices(of())),
    isMuted: ({ category, topic }) => this.#has("categories", category) || (topic !== undefined && this.#has("topics", topic)),
    lost: () => this.root.focus(),
  });

  constructor(
    button: HTMLButtonElement,
    private readonly wishes: Wishes,
  ) {
    super(button, texts.inbox.title, (open) => {
      if (open) this.#view(false);
      wishes.toggled(open);
    });
    const head = make("div", "head");
    head.append(this.#back, this.#title, this.#allRead, this.#gear, tool("close", texts.inbox.close, () => this.#close()));
    this.#allRead.type = "button";
    this.#allRead.addEventListener("click", () => this.#readAll());
    this.#filter.append(this.#switch(), this.#select);
    this.#select.setAttribute("aria-label", texts.inbox.category);
    this.#select.addEventListener("change", () => this.#choose(this.list, this.#select.value || null));
    this.#more.type = "button";
    this.#more.addEventListener("click", () => this.wishes.more());
    this.#scroll.append(this.#lines.root, this.#empty, this.#more);
    this.#scroll.addEventListener("scroll", this.#menu.place);
    this.root.append(head, this.#filter, this.#scroll, this.#settings.root, this.#said.root, this.#menu.root); // last: it moves no line
    this.#view(false);
    this.root.addEventListener("keydown", (event) => this.#key(event));
  }

  show(snapshot: InboxSnapshot, connected: boolean): void {
    this.#snapshot = snapshot;
    this.#connected = connected;
    if (!this.open) return;
    const { status, unread, hasMore, preferences } = snapshot;
    this.#ask();
    const offline = !connected && status !== "refused";
    const { settingsOffline, offline: away, loading } = texts.inbox;
    this.#said.last(this.#scroll.hidden ? (offline ? settingsOffline : preferences ? "" : loading) : offline ? away : "");
    this.#gear.disabled = status === "refused";
    this.#allRead.disabled = !(this.category ? unread.byCategory[this.category] : unread.total);
    this.#categories(snapshot);
    this.#settings.show(preferences ?? NOTHING, this.#known, connected && preferences !== null);
    this.#menu.refresh();
    if (!connected && !focused(this.root)) this.root.focus(); // what is disabled has no focus
    for (const [name, button] of this.#switches) button.setAttribute("aria-pressed", String(name === this.list));
    this.#scroll.setAttribute("aria-busy", String(status === "waiting"));
    if (status !== "waiting" || this.#lines.empty) this.#fill(snapshot);
    const none = status === "refused" ? texts.inbox.refused : status === "waiting" && connected ? texts.inbox.loading : texts.inbox.empty[this.list];
    write(this.#empty, none);
    this.#empty.hidden = this.#lines.root.childElementCount > 0;
    const leaves = !hasMore && focused(this.root) === this.#more;
    this.#more.hidden = !hasMore;
    if (leaves) this.root.focus();
    this.#look(snapshot.items);
  }

  /** What became of something. */
  say(text: string): void {
    this.#said.say(text);
  }

  protected override closed(): void {
    this.#forget();
    this.#asked = false;
    this.#lines.root.replaceChildren();
  }

  /** Times go on. */
  refresh(): void {
    if (this.#snapshot && this.open) this.#fill(this.#snapshot);
  }

  #items({ items }: InboxSnapshot): readonly Notification[] {
    if (!this.#kept.size) return items;
    const ids = new Set(items.map(({ id }) => id));
    return [...items, ...[...this.#kept.values()].filter(({ id }) => !ids.has(id))].sort((a, b) => b.id - a.id);
  }

  #fill(snapshot: InboxSnapshot): void {
    this.#lines.show(this.#items(snapshot), snapshot.hasMore);
  }

  #key(event: KeyboardEvent): void {
    if (!(event.target instanceof HTMLSelectElement || this.#scroll.hidden)) this.#lines.key(event);
  }

  #open(item: Notification, event: Event): void {
    if (isUnread(item)) this.#mark(item, "read");
    if (!this.wishes.opened(item)) return event.preventDefault();
    this.#lines.expand(item);
    this.refresh();
  }

  #mark(item: Notification, as: "read" | "unread" | "archived"): void {
    if (as === "read") return this.#read([item]);
    this.#kept.delete(item.id);
    this.wishes.mark({ ids: [item.id], as });
  }

  #read(items: readonly Notification[], marks: Marks = { ids: items.map(({ id }) => id), as: "read" }): void {
    const now = Date.now();
    if (this.list === "unread") for (const item of items) this.#kept.set(item.id, { ...item, read_at: now });
    this.wishes.mark(marks);
  }

  /** Those that are not loaded, too. */
  #readTopic({ items, topic, more }: Digest): void {
    const [newest] = items;
    const unread = items.filter(isUnread);
    if (newest && more) this.#read(unread, { upTo: newest.id, topic, category: newest.category, as: "read" });
    else this.#read(unread);
  }

  #readAll(): void {
    const { category } = this;
    this.#read(this.#snapshot?.items ?? [], { all: true, as: "read", ...(category && { category }) });
    if (!focused(this.root)) this.root.focus(); // what is disabled has no focus
  }

  /** What is on the screen has been seen. Asked once each: if that is refused, it does not matter. */
  #look(items: readonly Notification[]): void {
    const news = items.filter(({ id, seen_at }) => seen_at === undefined && !this.#seen.has(id)).map(({ id }) => id);
    for (const id of news) this.#seen.add(id);
    if (news.length) queueMicrotask(() => this.wishes.mark({ ids: news, as: "seen" }));
  }

  // -- What one wants to hear of -----------------------------------------------------------------------------------------

  /** Once per connection, while somebody looks. */
  #ask(): void {
    const { status, preferences } = this.#snapshot as InboxSnapshot;
    if (!this.#connected) this.#asked = false;
    else if (status === "live" && !preferences && !this.#asked) {
      this.#asked = true;
      this.wishes.prefer({}).catch(() => {}); // the menus say that it cannot be changed now
    }
  }

  #has(kind: Kind, name: string): boolean {
    return !!this.#snapshot?.preferences?.muted[kind].includes(name);
  }

  #choices(of: Notification | Digest | undefined): Choice[] {
    if (!of) return [];
    const item = "items" in of ? (of.items[0] as Notification) : of;
    const { category, topic } = item;
    const off = !this.#connected || !this.#snapshot?.preferences;
    const { read, unread, archive, back, muteTopic, unmuteTopic, muteCategory, unmuteCategory } = texts.inbox;
    const mark = (label: string, as: "read" | "unread" | "archived"): Choice => ({ label, act: () => this.#mark(item, as) });
    const mute = (kind: Kind, name: string, yes: string, no: string): Choice => {
      const is = this.#has(kind, name);
      return { label: is ? no : yes, off, act: () => this.#mute(kind, name, !is) };
    };
    const choices = [mute("categories", category, muteCategory(categoryOf(item)), unmuteCategory(categoryOf(item)))];
    if (topic) choices.unshift(mute("topics", topic, muteTopic(topicOf(topic)), unmuteTopic(topicOf(topic))));
    if ("items" in of) return [{ label: read, act: () => this.#readTopic(of) }, ...choices];
    if (item.archived_at !== undefined) return [mark(back, "unread"), ...choices];
    return [isUnread(item) ? mark(read, "read") : mark(unread, "unread"), mark(archive, "archived"), ...choices];
  }

  #mute(kind: Kind, name: string, mute: boolean): void {
    const { isMuted, isUnmuted } = texts.inbox;
    const what = kind === "topics" ? topicOf(name) : categoryOf({ category: name });
    this.#prefer({ [mute ? "mute" : "unmute"]: { [kind]: [name] } }, mute ? isMuted(what) : isUnmuted(what), () => this.#mute(kind, name, !mute));
  }

  #prefer(changes: PreferenceChanges, said: string, undo?: () => void): void {
    this.wishes.prefer(changes).then(
      () => this.#said.say(said, undo),
      ({ code }) => this.#said.say(code === "limit" ? texts.inbox.tooMany : texts.inbox.failed),
    );
    if (!focused(this.root)) this.#settings.root.focus(); // its line is gone
  }

  #turn(settings: boolean): void {
    this.#view(settings);
    if (this.#snapshot) this.show(this.#snapshot, this.#connected);
    (settings ? this.#back : this.#gear).focus();
  }

  #view(settings: boolean): void {
    for (const part of [this.#allRead, this.#gear, this.#filter, this.#scroll]) part.hidden = settings;
    for (const part of [this.#back, this.#settings.root]) part.hidden = !settings;
    write(this.#title, settings ? texts.inbox.settings : texts.inbox.title);
    this.root.setAttribute("aria-label", settings ? texts.inbox.settings : texts.inbox.title);
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
    this.#lines.forget();
  }

  #close(): void {
    this.root.hidePopover();
    this.button.focus();
  }
}

function write(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
