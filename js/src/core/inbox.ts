/* A look at an inbox: what page authors get, and what it tells them. */
import type { EntryState, MarkAs, MessageReceipt, Mutes, Notification, Preferences, Quiet, Refusal } from "./wire.js";

export interface InboxOptions {
  readonly category?: string;
  readonly topic?: string;
  /** What to list; `inbox`: what is not archived. */
  readonly state?: EntryState;
  /** How many at a time, 1 to 100. */
  readonly limit?: number;
}

export interface InboxSnapshot {
  /** Whose it is; null until the server has said so. */
  readonly user: string | null;
  /** Newest first. */
  readonly items: readonly Notification[];
  /** Of the whole inbox, whatever is listed. */
  readonly unread: { readonly total: number; readonly byCategory: Readonly<Record<string, number>> };
  readonly hasMore: boolean;
  /** `stale`: the connection is lost, this is what was true and what was marked since. `refused`: see `error`. */
  readonly status: "waiting" | "live" | "stale" | "refused";
  /** How many marks the server has not heard of. */
  readonly unsent: number;
  /** What the user does not want to hear of; null until `preferences()` has asked. */
  readonly preferences: Preferences | null;
  readonly error: Refusal | null;
}

export interface InboxEvents {
  /** Something came, for the first time here. `show` says how loudly. */
  arrived: Notification;
  /** They are in no inbox any more. */
  recalled: readonly number[];
  receipt: MessageReceipt;
  refused: Refusal;
  /** Something about the snapshot is different. */
  change: null;
}

export interface Kind {
  readonly as: MarkAs;
  readonly category?: string;
  readonly topic?: string;
}

export type Marks = Kind & (
  | { readonly ids: readonly number[] }
  | { readonly upTo: number }
  | { readonly all: true }
);

export interface PreferenceChanges {
  readonly mute?: Mutes;
  readonly unmute?: Mutes;
  /** null: none. */
  readonly quiet?: Quiet | null;
}

export interface Message {
  readonly to: string | readonly string[];
  readonly title?: string;
  readonly body?: string;
  readonly data?: unknown;
  /** The same key again sends nothing. */
  readonly key?: string;
}

/** A look at an inbox. */
export interface Inbox {
  on<Name extends keyof InboxEvents>(name: Name, listener: (value: InboxEvents[Name]) => void): () => void;
  getSnapshot(): InboxSnapshot;
  subscribe(listener: () => void): () => void;
  /** The next ones. */
  more(): void;
  /** In every tab, at once; without a connection, as soon as there is one. */
  mark(marks: Marks): void;
  /** Be notified of what is sent to a topic. */
  follow(topic: string): Promise<void>;
  unfollow(topic: string): Promise<void>;
  /** What one does not want to hear of; without changes it only asks. A change while the connection is lost is refused. */
  preferences(changes?: PreferenceChanges): Promise<Preferences>;
  /** Write to somebody. */
  send(message: Message): Promise<{ readonly id: number }>;
  /** Look away; also takes this look's listeners away. */
  leave(): void;
}
