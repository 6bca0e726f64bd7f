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
  connecting: "Connecting…",
  reconnecting: "Reconnecting…",
  came: (names: readonly string[]): string =>
    names.length > 2 ? `${names.length} people came` : `${names.join(" and ")} ${names.length > 1 ? "are" : "is"} here`,
  left: (names: readonly string[]): string => (names.length > 2 ? `${names.length} people left` : `${names.join(" and ")} left`),

  /* <also-editing>: who edits. */
  editor: "Editing",
  somebody: "Somebody",
  /** The page may not connect: nobody is signed in, for example. */
  refused: "Editing is not possible here: not connected.",
  free: "Nobody is editing this.",
  mine: "You are editing this.",
  editing: (name: string): string => `${name} is editing this.`,
  elsewhere: "You are editing this in another tab.",
  since: (time: string): string => `since ${time}`,
  queue: (count: number): string => (count === 1 ? "1 person waits" : `${count} people wait`),
  /** Who waits for what one holds: the first two by name. */
  waits: (names: readonly string[], count: number): string =>
    names.length === count ? `${names.join(" and ")} ${count > 1 ? "wait" : "waits"}` : `${names[0]} and ${count - 1} more wait`,
  place: (position: number): string => (position === 1 ? "You are next." : `You are number ${position} in line.`),
  asked: (name: string): string => `${name} has been asked to let you edit.`,
  askedBy: (name: string): string => `${name} has asked for it`,
  wants: (name: string): string => `${name} would like to edit this.`,
  /** The countdown of who asked, and of who was asked; null where the seconds are not known. */
  yours: (seconds: number | null): string => (seconds === null ? "Yours in a moment" : `Yours in ${seconds} s at the latest`),
  theirs: (seconds: number | null): string => (seconds === null ? "Save now" : `Save now: it is handed over in ${seconds} s`),
  /** Why one edits no more: who has it now, and what they said. */
  lost: {
    moved: (): string => "You went on editing in another tab.",
    handed_over: (name: string): string => `It was handed over to ${name}.`,
    idle: (): string => "You did nothing here for a while, and somebody waited.",
    taken: (name: string, why: string): string => `${name} took over${why ? `: ${why}` : "."}`,
    revoked: (_: string, why: string): string => `An administrator ended your editing${why ? `: ${why}` : "."}`,
    expired: (): string => "The connection was lost for too long.",
  },
  unsaved: "What you have not saved is still on this page",
  forbidden: "You may not edit this.",
  unavailable: "Editing does not work just now. Trying again…",
  actions: {
    edit: "Edit",
    here: "Edit here instead",
    ask: "Ask to edit",
    wait: "Wait in line",
    leave: "Stop waiting",
    done: "Done",
    hand: "Hand over now",
    seen: "OK",
  },
  /** The questions to who edits: somebody asks; nothing happens while somebody waits. */
  askTitle: (name: string): string => `${name} would like to edit this`,
  askText: (name: string, seconds: number | null): string =>
    `Save what you have. ${seconds === null ? "Soon" : `In ${seconds} seconds`} it goes to ${name}, also if you do nothing.`,
  keep: "Let me finish",
  warnTitle: "Are you still editing?",
  warnText: (seconds: number | null): string =>
    `Somebody waits, and nothing has happened here for a while. ${seconds === null ? "Soon" : `In ${seconds} seconds`} it is their turn.`,
  still: "I am still editing",
  giveUp: "Hand over",
  left_s: (seconds: number): string => `${seconds} s`,

  /** <also-inbox>, and what <also-toasts> has in common with it. */
  inbox: {
    title: "Inbox",
    /** The name of the bell. */
    label: (count: number): string => (count ? `Inbox, ${count} unread` : "Inbox, nothing unread"),
    /** The lists to choose from. */
    lists: { inbox: "All", unread: "Unread", archived: "Archive" },
    list: "Which",
    category: "Category",
    everything: "All categories",
    /** What categories are called; others by their own name. */
    categories: {
      announcement: "Announcement",
      reminder: "Reminder",
      subscription: "Subscription",
      publication: "Publication",
      system: "System",
      message: "Message",
    } as Record<string, string>,
    digest: (count: string, topic: string): string => `${count} new in ${topic}`,
    isUnread: "Unread:",
    now: "now",
    read: "Mark as read",
    unread: "Mark as unread",
    archive: "Archive",
    back: "Put back",
    allRead: "Mark all as read",
    more: "Show more",
    close: "Close",
    loading: "Loading…",
    empty: { inbox: "Nothing here yet.", unread: "Nothing unread. Well done.", archived: "Nothing is archived." },
    offline: "Offline. What you mark now is sent when you are back.",
    refused: "Sign in to see your messages.",
    failed: "That did not work. It is as it was.",
    /** The button of a line that opens its menu, and what is in it beside the above. */
    menu: "More",
    muteTopic: (topic: string): string => `Mute topic ${topic}`,
    unmuteTopic: (topic: string): string => `Unmute topic ${topic}`,
    muteCategory: (category: string): string => `Mute category ${category}`,
    unmuteCategory: (category: string): string => `Unmute category ${category}`,
    muted: "muted",
    isMuted: (name: string): string => `${name} is muted.`,
    isUnmuted: (name: string): string => `${name} is not muted any more.`,
    undo: "Undo",
    /** Behind the gear. */
    settings: "Settings",
    toInbox: "Back to the inbox",
    hear: "Tell me about",
    mutes: "What is muted is in the inbox all the same. It does not pop up, and does not reach you in other ways.",
    mutedTopics: "Muted topics",
    noTopics: "None. A topic is muted in the menu of a message.",
    unmute: "Unmute",
    quiet: "Quiet hours",
    quietOn: "Only what is critical pops up",
    from: "From",
    to: "To",
    zone: (zone: string): string => `Time of ${zone.replaceAll("_", " ")}, every day.`,
    zoneHere: (zone: string): string => `Use the time of ${zone.replaceAll("_", " ")}`,
    noHours: "Both are the same: no hour is quiet.",
    saved: "Saved.",
    tooMany: "You have muted as much as is possible. Unmute something first.",
    settingsOffline: "Offline. Settings can be changed when you are back.",
    /** Many came at once. */
    several: (count: number): string => `${count} more in your inbox`,
    toasts: "New messages",
  },
};
