/*
 * The inbox of the user of one connection: what the page looks at, and what it marks, against what the server has said.
 *
 * A mark is shown at once, sent as soon as that is possible, and taken back if the server refuses it. What was marked without a connection waits,
 * in the browser's storage too, until the same user is connected again. Then everything that is looked at is asked for again, so nothing
 * that came meanwhile is missing.
 *
 * Notifications are acknowledged when they are in this copy, and only while somebody looks: a page that handles them itself does that itself.
 * "All" is sent as "up to the newest that is known": what came meanwhile has not been seen by anybody.
 */
import { ask, type Channel, retryMs } from "./channel.js";
import { Emitter } from "./emitter.js";
import type { Inbox, InboxEvents, InboxOptions, InboxSnapshot, Kind, Marks, PreferenceChanges } from "./inbox.js";
import { Letters } from "./letters.js";
import { enqueue, type Which } from "./marking.js";
import { keep, takeOver } from "./unsent.js";
import { Wishes } from "./wishes.js";
import type { Answer, InboxPage, Marking, MessageReceipt, Notification, Preferences, Refusal, Unread } from "./wire.js";

interface View {
  readonly name: string;
  readonly which: Which;
  readonly limit: number;
  readonly events: Emitter<InboxEvents>;
  looks: number;
  /** It is complete down to this id. */
  floor: number;
  hasMore: boolean;
  status: InboxSnapshot["status"];
  error: Refusal | null;
  /** The number of the question whose answer counts. */
  asked: number;
  asking: boolean;
  snapshot: InboxSnapshot | null;
}

const LIMIT = 20;
const MOST = 100;

export class Inboxes {
  #views = new Set<View>();
  #letters = new Letters();
  #user: string | null = null;
  /** Whose connection this is has been said: only then may marks be sent. */
  #known = false;
  #sending = false;
  /** The number of the connection; what belongs to an older one does not count. */
  #line = 0;
  #held: Unread | null = null;
  #wishes = new Wishes();

  constructor(private readonly channel: Channel) {
    const hear = <Fact>(name: string, act: (fact: Fact) => void): void => {
      channel.on(name, (fact: Fact) => this.#views.size && act(fact));
    };
    channel.on("notification", (item: Notification, acknowledge?: () => void) => {
      if (!this.#views.size) return;
      this.#arrived(item);
      acknowledge?.();
    });
    hear<{ notification: Notification }>("notification:changed", ({ notification }) => this.#after(() => this.#letters.edit(notification)));
    hear<{ ids: number[] }>("notification:recalled", ({ ids }) => {
      this.#after(() => this.#letters.recall(ids));
      this.#tell("recalled", ids);
    });
    hear<{ unread: Unread }>("inbox:changed", ({ unread }) => {
      if (this.#sending) this.#held = unread; // it may know of the mark already; the answer comes within a tick
      else this.#after(() => this.#letters.count(unread));
    });
    hear<Marking & { at: number }>("inbox:marked", (fact) => this.#after(() => this.#letters.mark(fact, fact.at)));
    channel.on("preferences:changed", (now: Preferences) => this.#after(() => this.#wishes.hear(now)));
    hear<MessageReceipt>("message:receipt", (receipt) => this.#tell("receipt", receipt));
  }

  take({ category, topic, state = "inbox", limit = LIMIT }: InboxOptions): Inbox {
    const name = JSON.stringify([state, category, topic, limit]);
    const view = [...this.#views].find((other) => other.name === name) ?? this.#open(name, { state, category: category ?? null, topic: topic ?? null }, limit);
    const listening = new Set<() => void>();
    const on: Inbox["on"] = (event, listener) => {
      const off = view.events.on(event, listener);
      listening.add(off);
      return () => void (listening.delete(off), off());
    };
    let open = true;
    view.looks++;
    return {
      on,
      getSnapshot: () => this.#snapshot(view),
      subscribe: (listener) => on("change", listener),
      more: () => view.hasMore && !view.asking && this.#load(view, limit, view.floor),
      mark: (marks) => this.#mark(marks),
      follow: (topic) => this.#told("topic:follow", { topic }),
      unfollow: (topic) => this.#told("topic:unfollow", { topic }),
      preferences: (changes = {}) => this.#prefer(changes),
      send: (message) => this.#told("message:send", message),
      leave: () => {
        for (const off of listening) off();
        listening.clear();
        if (open && !--view.looks) this.#close(view);
        open = false;
      },
    };
  }

  /** The bell and the toasts of a page ask one question. */
  #open(name: string, which: Which, limit: number): View {
    const view: View = {
      name,
      which,
      limit,
      looks: 0,
      events: new Emitter(),
      floor: Infinity,
      hasMore: false,
      status: "waiting",
      error: null,
      asked: 0,
      asking: false,
      snapshot: null,
    };
    this.#views.add(view);
    this.#load(view, limit);
    return view;
  }

  #close(view: View): void {
    view.asked++;
    this.#views.delete(view);
  }

  /** The server knows nothing of us: after connecting, and after becoming somebody else. */
  restart(): void {
    this.#begin();
    for (const view of this.#views) this.#load(view, Math.min(MOST, Math.max(view.limit, this.#snapshot(view).items.length)));
    if (this.#wishes.now) this.#prefer({}).catch(() => this.#after(() => (this.#wishes = new Wishes()))); // it is asked for again when it is wanted
  }

  /** The server has said who we are. */
  renamed(selfId: string): void {
    const refused = [...this.#views].some(({ status }) => status === "refused");
    if (refused || (this.#user !== null && this.#user !== selfId)) this.restart();
  }

  lost(): void {
    this.#begin();
    this.#after(() => {
      for (const view of this.#views) {
        view.asked++;
        view.asking = false;
        if (view.status === "live") view.status = "stale";
      }
    });
  }

  /** The page is going away, and what waits for the answer to another mark would go with the next page that has an inbox. It may still do so. */
  hide(): void {
    if (!this.#known || !this.channel.connected) return;
    for (const marking of this.#letters.queue.slice(Number(this.#sending))) this.channel.emit("inbox:mark", marking);
  }

  #begin(): void {
    this.#line++;
    this.#known = this.#sending = false;
    this.#held = null;
  }

  // -- Reading -----------------------------------------------------------------------------------------------------------

  /** Ask for a page: the newest, or those before an id. */
  #load(view: View, limit: number, before?: number): void {
    if (!this.channel.connected) return;
    const number = ++view.asked;
    const moment = this.#letters.now;
    const { category, topic, state } = view.which;
    const which = { state, limit, ...(category !== null && { category }), ...(topic !== null && { topic }), ...(before && { before }) };
    view.asking = true;
    ask<InboxPage>(this.channel, "inbox:list", which, (answer) => {
      if (view.asked !== number) return;
      view.asking = false;
      if (answer?.ok) return this.#answered(view, answer, before, moment);
      const ms = retryMs(answer);
      if (ms !== null) setTimeout(() => view.asked === number && this.#load(view, limit, before), ms);
      else if (answer) this.#refused(view, answer.error);
    });
  }

  #answered(view: View, page: InboxPage, before: number | undefined, moment: number): void {
    const taken = this.#meet(page.user);
    const floor = this.#letters.answer(page, view.which, before ?? Infinity, taken ? this.#letters.now : moment);
    this.#after(() => {
      view.floor = floor;
      view.hasMore = page.next !== undefined;
      view.status = "live";
      view.error = null;
    });
    void this.#flush();
  }

  #refused(view: View, error: Refusal): void {
    this.#after(() => {
      view.status = "refused";
      view.error = error;
    });
    view.events.emit("refused", error);
  }

  /** Whose inbox it is. Returns whether everything that was known was another one's. */
  #meet(user: string): boolean {
    const other = this.#user !== user;
    this.#known = true;
    if (!other) return false;
    const first = this.#user === null; // what has arrived before the first answer is this user's
    const heard = first ? this.#letters : new Letters();
    for (const marking of takeOver(user)) heard.queue = enqueue(heard.queue, marking);
    this.#user = user;
    this.#letters = heard;
    keep(user, heard.queue);
    return !first;
  }

  #arrived(item: Notification): void {
    let news = false;
    this.#after(() => (news = this.#letters.arrive(item)));
    if (news) this.#tell("arrived", item);
  }

  // -- Marking -----------------------------------------------------------------------------------------------------------

  #mark(marks: Marks): void {
    const newest = [...this.#views].some(({ floor }) => floor < Infinity) ? this.#letters.newest : null;
    const { ids, upTo = newest, all: _, ...kind } = marks as Kind & { readonly ids?: readonly number[]; readonly upTo?: number; readonly all?: true };
    if (ids ? !ids.length : upTo === 0) return;
    const what = ids ? { ids: [...new Set(ids)] } : upTo ? { up_to: upTo } : { all: true };
    this.#after(() => this.#queue(enqueue(this.#letters.queue, { ...kind, ...what }, Number(this.#sending))));
    queueMicrotask(() => void this.#flush()); // what is marked one by one is one command
  }

  #queue(queue: readonly Marking[]): void {
    this.#letters.queue = queue;
    if (this.#user !== null) keep(this.#user, queue);
  }

  #flush(): void {
    const [marking] = this.#letters.queue;
    if (!marking || this.#sending || !this.#known || !this.channel.connected) return;
    const line = this.#line;
    this.#sending = true;
    ask<{ unread: Unread }>(this.channel, "inbox:mark", marking, (answer) => {
      if (this.#line !== line) return; // it is sent again: to mark twice is harmless
      this.#sending = false;
      const ms = answer?.ok ? null : retryMs(answer);
      if (ms !== null) return void setTimeout(() => this.#line === line && this.#flush(), ms);
      this.#settle(marking, answer as Answer<{ unread: Unread }>);
      this.#flush();
    });
  }

  #settle(marking: Marking, answer: Answer<{ unread: Unread }>): void {
    const counted = this.#held ?? (answer.ok ? answer.unread : null);
    this.#held = null;
    this.#after(() => {
      this.#queue(this.#letters.queue.slice(1));
      if (answer.ok) this.#letters.mark(marking, Date.now());
      if (counted) this.#letters.count(counted);
    });
    // What was to be marked is gone by now, from here too: recalled, or over.
    if (!answer.ok && answer.error.code !== "not_found") this.#tell("refused", answer.error);
  }

  // -- Saying ------------------------------------------------------------------------------------------------------------

  async #prefer(changes: PreferenceChanges): Promise<Preferences> {
    if (this.#line && !this.channel.connected) throw Object.assign(new Error("not connected"), { code: "offline" });
    const wishes = this.#wishes;
    const over = wishes.begin(changes);
    this.#after(() => {});
    const { muted, quiet } = await this.#told<Preferences>("inbox:preferences", changes, (answer) => {
      this.#after(() => {
        over();
        if (answer) wishes.hear(answer);
      });
    });
    return { muted, quiet };
  }

  /** `heard` is told first, and before anything that is heard later; null: refused, or no answer. */
  #told<T = void>(event: string, argument: unknown, heard?: (answer: T | null) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      ask<T>(this.channel, event, argument, (answer) => {
        heard?.(answer?.ok ? answer : null);
        if (answer?.ok) resolve(answer);
        else reject(Object.assign(new Error(answer?.error.message ?? "no answer"), answer?.error));
      });
    });
  }

  #tell<Name extends keyof InboxEvents>(name: Name, value: InboxEvents[Name]): void {
    for (const view of [...this.#views]) view.events.emit(name, value);
  }

  #after(change: () => void): void {
    change();
    for (const view of this.#views) view.snapshot = null;
    this.#tell("change", null);
  }

  #snapshot(view: View): InboxSnapshot {
    if (view.snapshot) return view.snapshot;
    const { total, by_category } = this.#letters.unread();
    return (view.snapshot = Object.freeze({
      user: this.#user,
      items: Object.freeze(this.#letters.list(view.which, view.floor, Date.now())),
      unread: Object.freeze({ total, byCategory: by_category }),
      hasMore: view.hasMore,
      status: view.status,
      unsent: this.#letters.queue.length,
      preferences: this.#wishes.now,
      error: view.error,
    }));
  }
}
