/*
 * What marks do to an inbox, before the server has said so: pure functions, which say the same as the server's.
 *
 * The first time counts, and `unread` puts an entry back among the new ones, out of the archive too.
 */
import type { EntryState, Marking, Notification, Unread } from "./wire.js";

/** The server takes so many ids at once. */
export const MOST_IDS = 500;

export interface Which {
  readonly state: EntryState;
  readonly category: string | null;
  readonly topic: string | null;
}

export function isUnread(item: Notification): boolean {
  return item.read_at === undefined && item.archived_at === undefined;
}

export function marked(item: Notification, marking: Marking, at: number): Notification {
  if (!concerns(marking, item)) return item;
  if (marking.as === "unread") {
    const { read_at: _, archived_at: __, ...rest } = item;
    return rest;
  }
  const seen = { ...item, delivered_at: item.delivered_at ?? at, seen_at: item.seen_at ?? at };
  if (marking.as === "seen") return seen;
  const field = marking.as === "read" ? "read_at" : "archived_at";
  return { ...seen, [field]: item[field] ?? at };
}

/** Without ids, it is about what is in the inbox: the archive stays as it is. */
function concerns({ ids, up_to, category, topic }: Marking, item: Notification): boolean {
  const named = ids ? ids.includes(item.id) : item.archived_at === undefined && item.id <= (up_to ?? Infinity);
  return named && (category === undefined || category === item.category) && (topic === undefined || topic === item.topic);
}

export function isListed(item: Notification, { state, category, topic }: Which): boolean {
  if ((category !== null && category !== item.category) || (topic !== null && topic !== item.topic)) return false;
  if (state === "all") return true;
  if (state === "archived" || item.archived_at !== undefined) return state === "archived" && item.archived_at !== undefined;
  if (state === "unseen") return item.seen_at === undefined;
  return state === "inbox" || isUnread(item) === (state === "unread");
}

/** One more to send; what it makes superfluous is not sent. `fixed`: the first ones are on their way. */
export function enqueue(queue: readonly Marking[], marking: Marking, fixed = 0): Marking[] {
  const sent = queue.slice(0, fixed);
  let open = queue.slice(fixed);
  const { ids, as } = marking;
  if (ids && as === "unread") {
    open = open.map((before) => (before.ids ? { ...before, ids: before.ids.filter((id) => !ids.includes(id)) } : before)).filter((before) => before.ids?.length !== 0);
  }
  const last = open.at(-1);
  if (!last || last.as !== as || last.category !== marking.category || last.topic !== marking.topic) return [...sent, ...open, ...pieces(marking)];
  if (last.ids && ids) return [...sent, ...open.slice(0, -1), ...pieces({ ...last, ids: [...new Set([...last.ids, ...ids])] })];
  if (last.up_to !== undefined && marking.up_to !== undefined) {
    return [...sent, ...open.slice(0, -1), { ...last, up_to: Math.max(last.up_to, marking.up_to) }];
  }
  return [...sent, ...open, marking];
}

function pieces(marking: Marking): Marking[] {
  const { ids } = marking;
  if (!ids) return [marking];
  const starts = Array.from({ length: Math.ceil(ids.length / MOST_IDS) }, (_, index) => index * MOST_IDS);
  return starts.map((start) => ({ ...marking, ids: ids.slice(start, start + MOST_IDS) }));
}

/** What will stand unread when the server has heard of these marks: a guess where not everything is loaded, until it answers. */
export function remaining(unread: Unread, items: Iterable<Notification>, queue: readonly Marking[]): Unread {
  const counts: Record<string, number> = { ...unread.by_category };
  const left: Record<string, number> = {};
  for (const item of items) {
    const after = queue.reduce((before, marking) => marked(before, marking, 0), item);
    const change = Number(isUnread(after)) - Number(isUnread(item));
    if (isUnread(after)) left[item.category] = (left[item.category] ?? 0) + 1;
    if (change) counts[item.category] = Math.max(0, (counts[item.category] ?? 0) + change);
  }
  for (const { ids, as, category, topic } of queue) {
    if (ids || topic !== undefined || as === "seen" || as === "unread") continue;
    for (const name of Object.keys(counts)) if (category === undefined || category === name) counts[name] = left[name] ?? 0;
  }
  const by_category = Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
  return { total: Object.values(by_category).reduce((sum, count) => sum + count, 0), by_category };
}
