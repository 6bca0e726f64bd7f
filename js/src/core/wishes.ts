/*
 * What the user does not want to hear of: what the server has said, and what this page has changed since.
 *
 * A change is shown at once, and taken back if the server refuses it or does not answer. It does not wait for a connection, as a mark does: a mark means
 * the same a day later, but quiet hours that come late would undo what was chosen meanwhile somewhere else.
 */
import type { PreferenceChanges } from "./inbox.js";
import type { Preferences } from "./wire.js";

export class Wishes {
  #told: Preferences | null = null;
  #changes: readonly PreferenceChanges[] = [];

  /** As they will be; null: nobody has asked. */
  get now(): Preferences | null {
    return this.#told && this.#changes.reduce(changed, this.#told);
  }

  hear({ muted, quiet }: Preferences): void {
    this.#told = { muted, quiet };
  }

  /** Until the function that it returns is called. */
  begin(changes: PreferenceChanges): () => void {
    this.#changes = [...this.#changes, changes];
    return () => (this.#changes = this.#changes.filter((other) => other !== changes));
  }
}

function changed({ muted, quiet }: Preferences, { mute, unmute, ...rest }: PreferenceChanges): Preferences {
  const names = (kind: "categories" | "topics"): string[] => {
    const all = new Set([...muted[kind], ...(mute?.[kind] ?? [])]);
    for (const name of unmute?.[kind] ?? []) all.delete(name);
    return [...all].sort();
  };
  return { muted: { categories: names("categories"), topics: names("topics") }, quiet, ...rest };
}
