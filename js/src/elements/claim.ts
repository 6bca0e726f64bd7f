/*
 * Which of a browser's tabs shows something: one that is looked at, and only one.
 *
 * Web Locks decide between tabs that are looked at in the same moment (two windows); a channel tells those that are not, so that they do not show it
 * when it is their turn. Where the browser has no Web Locks (a page without TLS), every visible tab shows it: better twice than not at all.
 */

/** A tab that is looked at meanwhile asks within this time. */
const HOLD_MS = 10_000;

export class Claims {
  #taken = new Set<string>();
  #channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("alsohere.toasts");

  constructor() {
    this.#channel?.addEventListener("message", ({ data }) => typeof data === "string" && this.#taken.add(data));
  }

  /** Whether it is this tab's to show. */
  async take(name: string): Promise<boolean> {
    if (this.#taken.has(name)) return false;
    const mine = await exclusive(`alsohere.toast.${name}`);
    if (!mine || this.#taken.has(name)) return false;
    this.#taken.add(name);
    this.#channel?.postMessage(name);
    return true;
  }

  close(): void {
    this.#channel?.close();
  }
}

function exclusive(name: string): Promise<boolean> {
  const { locks } = navigator;
  if (!locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    const hold = (lock: Lock | null): Promise<void> | void => {
      resolve(!!lock);
      if (lock) return new Promise((release) => setTimeout(release, HOLD_MS));
    };
    locks.request(name, { ifAvailable: true }, hold).catch(() => resolve(true));
  });
}
