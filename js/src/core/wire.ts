/*
 * What travels: the shapes of commands, answers and facts, as the server's reference names them.
 *
 * Nothing here does anything. A list that a fact leaves out is empty; a field that we do not know is ignored, so that this client can talk to a
 * newer server.
 */

export type Scalar = string | number | boolean | null;
/** What a connection publishes in a room: flat, at most 1 KB as JSON. */
export type State = Readonly<Record<string, Scalar>>;
export type Status = "active" | "idle" | "away" | "invisible";
/** How much of a room one wants to see. */
export type Watch = "full" | "sample" | "count" | "none";
export type LeaveReason = "left" | "disconnected" | "timeout" | "kicked" | "node_lost";
/** A place in a room's history. `seq` only grows within one epoch. */
export type Position = readonly [epoch: string, seq: number];

/** A user in a room, as others see them. Replaced, never changed. */
export interface Member {
  readonly id: string;
  readonly name: string;
  readonly info: Readonly<Record<string, unknown>> | null;
  readonly anonymous: boolean;
  readonly status: Status;
  readonly state: State;
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** Grows with every enter of this user. */
  readonly generation: number;
  readonly connections: number;
}

export type MemberUpdate = { readonly id: string } & Partial<Omit<Member, "id">>;
/** Without a reason: still there, but no longer shown to you (a sample). */
export interface MemberLeave {
  readonly id: string;
  readonly reason?: LeaveReason;
}

export interface RoomChanged {
  readonly room: string;
  readonly mode: Watch;
  readonly epoch: string;
  readonly seq: number;
  readonly prev: number;
  readonly count: number;
  readonly enter?: readonly Member[];
  readonly update?: readonly MemberUpdate[];
  readonly leave?: readonly MemberLeave[];
}

/** What somebody who begins to watch is told: everything (`members`), or (recovered) what was missed (`changes`). */
export interface Snapshot {
  readonly room: string;
  readonly mode: Watch;
  readonly count: number;
  readonly epoch: string;
  readonly seq: number;
  readonly recovered?: boolean;
  readonly members?: readonly Member[];
  readonly changes?: readonly RoomChanged[];
}

export interface RoomCount {
  readonly room: string;
  readonly count: number;
}

export interface RankingChanged {
  readonly prefix?: string;
  readonly limit?: number;
  readonly rooms: readonly RoomCount[];
}

/** Who holds a lock or waits for one. */
export interface Person {
  readonly id: string;
  readonly name: string;
  readonly info?: Readonly<Record<string, unknown>> | null;
  readonly anonymous?: boolean;
}

/** How a lock is, for everybody who watches its room, holds it or waits for it. `queue` names the first 50 of `waiting`. */
export interface LockChanged {
  readonly lock: string;
  readonly holder: Person | null;
  readonly queue: readonly Person[];
  readonly waiting: number;
  readonly fence: number | null;
  readonly since: number | null;
  readonly request?: { readonly by: Person; readonly hand_over_at: number };
}

/** What a holder holds it by. */
export interface LockGrant {
  readonly fence: number;
  readonly expires_at: number;
  readonly receipt?: string;
}

export interface LockAnswer extends Partial<LockGrant> {
  readonly lock: string;
  readonly status: "held" | "queued" | "asked" | "refused";
  readonly holder: Person | null;
  readonly waiting: number;
  /** 1 is next. */
  readonly position?: number;
  readonly hand_over_at?: number;
}

/** `moved`: to another tab of the same user. */
export type LossReason = "moved" | "handed_over" | "idle" | "taken" | "revoked" | "expired";

export interface LockLost {
  readonly lock: string;
  readonly reason: LossReason;
  readonly by?: Person;
  readonly why?: string;
}

/** Something for this user. Replaced, never changed. Empty fields are left out; times are milliseconds since 1970. */
export interface Notification {
  /** Grows: it is the order of an inbox. */
  readonly id: number;
  readonly category: string;
  readonly topic?: string;
  readonly title?: string;
  readonly body?: string;
  readonly url?: string;
  readonly data?: unknown;
  readonly sender?: Person;
  /** The place that it is about. */
  readonly room?: string;
  readonly created_at: number;
  readonly expires_at?: number;
  readonly edited_at?: number;
  readonly delivered_at?: number;
  readonly seen_at?: number;
  readonly read_at?: number;
  readonly archived_at?: number;
  readonly broadcast?: boolean;
  readonly critical?: boolean;
  readonly show?: "toast" | "silent";
}

export interface Unread {
  readonly total: number;
  readonly by_category: Readonly<Record<string, number>>;
}

export type MarkAs = "seen" | "read" | "unread" | "archived";
export type EntryState = "inbox" | "unread" | "unseen" | "read" | "archived" | "all";

/** What is marked: these, or all up to one, or all. */
export interface Marking {
  readonly as: MarkAs;
  readonly ids?: readonly number[];
  readonly up_to?: number;
  readonly all?: boolean;
  readonly category?: string;
  readonly topic?: string;
}

export interface InboxPage {
  /** Whose inbox it is. */
  readonly user: string;
  readonly items: readonly Notification[];
  readonly unread: Unread;
  readonly next?: number;
}

export interface MessageReceipt {
  readonly id: number;
  readonly user: string;
  readonly delivered_at?: number;
  readonly read_at?: number;
}

export interface Mutes {
  readonly categories?: readonly string[];
  readonly topics?: readonly string[];
}

/** Hours without toasts: times of day, in a time zone. */
export interface Quiet {
  readonly from: string;
  readonly to: string;
  readonly tz: string;
}

export interface Preferences {
  readonly muted: Required<Mutes>;
  readonly quiet: Quiet | null;
}

/** Why the server said no. `code` is stable, `message` says the fix. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly retry_after_ms?: number;
}

export type Answer<T> = ({ readonly ok: true } & T) | { readonly ok: false; readonly error: Refusal };

/** Every connection is a member of it without entering. */
export const ONLINE = "@online";
