/* Every word that the elements say. For another language: Object.assign(texts, { … }) before the elements are used. */
export const texts = {
  /** Marks one's own face. */
  you: (name: string): string => `${name} (you)`,
  idle: "idle",
  away: "away",
  /** Several names in one line; `more` are not named. */
  names: (names: readonly string[], more = 0): string => {
    const all = more > 0 ? [...names, `${more} more`] : names;
    return all.length > 1 ? `${all.slice(0, -1).join(", ")} and ${all.at(-1)}` : (all[0] ?? "");
  },
  /** Who is where in an article: percent. */
  at: (who: string, position: number): string => `${who}, ${position} %`,
  /** The name of the timeline. */
  readers: (count: number, position: number): string => `${count === 1 ? "1 reader" : `${count} readers`}; you are at ${position} %`,
  /** The name of the list of faces. */
  here: (count: number): string => (count === 1 ? "1 person here" : `${count} people here`),
  /** The name of the list of rooms. */
  ranking: "Where most people are now",
  people: (count: number): string => (count === 1 ? "1 person" : `${count} people`),
  /** "…" while the count is not known. */
  online: (count: number | "…"): string => `${count} online`,
  /** The heading of the list behind the count. */
  onlineTitle: "Online now",
  hereTitle: "Here now",
  /** The button after the last face. */
  more: (count: number): string => `+${count}`,
  moreLabel: (count: number): string => `${count} more: show everyone`,
  /** Below a list that does not name everyone. */
  rest: (count: number): string => `and ${count} more`,
  nobody: "Nobody yet",
  reconnecting: "Reconnecting…",
  came: (names: readonly string[]): string =>
    names.length > 2 ? `${names.length} people came` : `${names.join(" and ")} ${names.length > 1 ? "are" : "is"} here`,
  left: (names: readonly string[]): string => (names.length > 2 ? `${names.length} people left` : `${names.join(" and ")} left`),
};
