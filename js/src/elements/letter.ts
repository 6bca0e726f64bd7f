/* What is shown of notifications. Pure. Their words come from other people: they are only ever used as text, and their links only lead to pages. */
import { isUnread } from "../core/marking.js";
import type { Notification } from "../core/wire.js";
import { plainName } from "./people.js";
import { texts } from "./texts.js";

/** From so many unread ones of a topic on, they are one line. */
export const DIGEST = 3;

/** How many are asked for at a time. */
export const PAGE = 30;

/** Several of one topic, as one line that opens. */
export interface Digest {
  readonly key: string;
  readonly topic: string;
  readonly items: readonly Notification[];
  readonly open: boolean;
  /** There may be more of them than are loaded. */
  readonly more: boolean;
}

export type Row = { readonly item: Notification; readonly inside: boolean } | { readonly digest: Digest };

/**
 * The lines of a list, newest first.
 *
 * @param open by key, the ids that a digest had when it was opened: it keeps them, also when they are read.
 * @param hasMore not everything is loaded.
 */
export function rows(items: readonly Notification[], open: ReadonlyMap<string, ReadonlySet<number>>, hasMore = false): Row[] {
  const groups = new Map<string, Notification[]>();
  for (const item of items) {
    const key = groupOf(item);
    if (key && (isUnread(item) || open.get(key)?.has(item.id))) groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  const shown = new Set<Notification>();
  return items.flatMap((item): Row[] => {
    if (shown.has(item)) return [];
    const key = groupOf(item);
    const group = (key && groups.get(key)) || [];
    if (!group.includes(item) || (group.length < DIGEST && !open.has(key))) return [{ item, inside: false }];
    for (const one of group) shown.add(one);
    const digest: Digest = { key, topic: item.topic ?? "", items: group, open: open.has(key), more: hasMore };
    return [{ digest }, ...(digest.open ? group.map((one) => ({ item: one, inside: true })) : [])];
  });
}

function groupOf({ topic, category }: Notification): string {
  return topic ? `${category} ${topic}` : "";
}

/** The address of a page, absolute; null for what is none, or something that runs. */
export function href(url: string | undefined, base: string): string | null {
  if (!url) return null;
  try {
    const { protocol, href } = new URL(url, base);
    return protocol === "https:" || protocol === "http:" ? href : null;
  } catch {
    return null;
  }
}

export function titleOf({ title, body, category }: Notification): string {
  return title || body || category;
}

/** Under the title: only what is not the title already. */
export function bodyOf({ title, body }: Notification): string {
  return title ? (body ?? "") : "";
}

export function senderOf({ sender }: Notification): string {
  return sender ? plainName(sender) : "";
}

export function categoryOf({ category }: Pick<Notification, "category">): string {
  return texts.inbox.categories[category] ?? category;
}

export function topicOf(topic: string): string {
  return plainName({ name: topic, id: "" });
}

export function badge(count: number): string {
  return count > 99 ? "99+" : String(count);
}

/** The page's language; undefined, which means the browser's, where it says none or nonsense. */
export function language(lang: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(lang)[0];
  } catch {
    return undefined;
  }
}

const STEPS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** "3 minutes ago". What is said to come from the future is from now: two clocks differ. */
export function ago(at: number, now: number, language?: string): string {
  const seconds = Math.max(0, (now - at) / 1000);
  const [unit, length] = STEPS.find(([, length]) => seconds >= length) ?? ["second", 0];
  return length ? new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(-Math.floor(seconds / length), unit) : texts.inbox.now;
}
