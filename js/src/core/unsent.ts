/*
 * Marks that the server has not heard of yet, kept where they survive the page: by user, because the next one at this browser may be another.
 *
 * Each page keeps its own; what a page before left behind is taken over by the next of the same user. To mark something twice is harmless.
 */
import type { Marking, MarkAs } from "./wire.js";

const PREFIX = "alsohere.inbox.";
const AS: readonly MarkAs[] = ["seen", "read", "unread", "archived"];
const page = Math.random().toString(36).slice(2);

const prefix = (user: string): string => `${PREFIX}${encodeURIComponent(user)}.`;

/** Instead of what this page kept before. Where storage is blocked or full, the page's memory is all there is. */
export function keep(user: string, queue: readonly Marking[]): void {
  try {
    if (queue.length) localStorage.setItem(prefix(user) + page, JSON.stringify(queue));
    else localStorage.removeItem(prefix(user) + page);
  } catch {
    // as said
  }
}

/** What there is of a user, and is now the caller's. */
export function takeOver(user: string): Marking[] {
  try {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(prefix(user)));
    const found = keys.flatMap((key) => parsed(localStorage.getItem(key)));
    for (const key of keys) localStorage.removeItem(key);
    return found;
  } catch {
    return [];
  }
}

/** Other scripts of the site can write there too: what is not a marking is dropped. */
function parsed(json: string | null): Marking[] {
  try {
    const found: unknown = JSON.parse(json ?? "[]");
    return Array.isArray(found) ? found.filter(isMarking) : [];
  } catch {
    return [];
  }
}

function isMarking(value: unknown): value is Marking {
  const { as, ids, up_to, all } = (value ?? {}) as Partial<Marking>;
  if (!as || !AS.includes(as)) return false;
  return Array.isArray(ids) ? ids.length > 0 && ids.every(Number.isSafeInteger) : Number.isSafeInteger(up_to) || all === true;
}
