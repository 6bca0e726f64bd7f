/*
 * A page that ends in the middle of editing: a refresh, or a form that was posted and comes back. The server keeps the lock for its grace, and this tab
 * remembers that it had it, or waited. Another tab, and a later visit, begin anew: opening a page to look at it takes nothing.
 *
 * It is written when the page ends and not while it is used, so that a duplicated tab has nothing to remember.
 */
const KEY = "alsohere.editing ";
/** A little more than the server's grace, for pages that load slowly. */
const GRACE_MS = 15_000;

export type Kept = "held" | "queued";

export function remember(lock: string, what: Kept): void {
  try {
    sessionStorage.setItem(KEY + lock, `${what} ${Date.now()}`);
  } catch {} // storage is blocked: after a refresh one clicks again
}

/** What this tab had when its last page ended, if that was a moment ago. */
export function remembered(lock: string): Kept | null {
  try {
    const [what, at] = (sessionStorage.getItem(KEY + lock) ?? "").split(" ");
    sessionStorage.removeItem(KEY + lock);
    return Math.abs(Date.now() - Number(at)) < GRACE_MS ? (what as Kept) : null;
  } catch {
    return null;
  }
}
