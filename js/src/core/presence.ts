/*
 * Who is in a room, as one viewer knows it: a fold over what the server sent.
 *
 * Pure functions: a roster and a message in, the next roster and what differs out. No clock, no socket, no callback.
 * They hold P5 (snapshot + changes after it = state), P6 (a change applied twice changes nothing) and the count of P7.
 */
import type { Member, MemberLeave, Position, RoomChanged, Snapshot, Watch } from "./wire.js";

export interface Roster {
  readonly mode: Watch;
  readonly epoch: string;
  readonly seq: number;
  /** Exact, in every mode; `members` may be fewer (a sample, or invisible people). */
  readonly count: number;
  readonly members: ReadonlyMap<string, Member>;
}

export interface Diff {
  readonly entered: readonly Member[];
  readonly updated: readonly Member[];
  /** With a reason, a departure; without, they are just no longer in the sample. */
  readonly left: readonly { readonly member: Member; readonly reason?: MemberLeave["reason"] }[];
}

/** `gap`: something in between was missed; ask again with `since`. `old`: already known, or not for this roster. */
export type Applied = { readonly roster: Roster; readonly diff: Diff } | "gap" | "old";

/** Everything again: what was known before does not matter. */
export function applySnapshot(snapshot: Snapshot): Roster {
  const members = new Map<string, Member>();
  for (const member of snapshot.members ?? []) members.set(member.id, member);
  const { mode, epoch, seq, count } = snapshot;
  return { mode, epoch, seq, count, members };
}

/** One `room:changed`. The order is the server's: leave, then enter, then update. */
export function applyChange(roster: Roster, change: RoomChanged): Applied {
  const { mode, epoch, seq, count } = change;
  const sameEpoch = epoch === roster.epoch;
  if (sameEpoch && seq <= roster.seq) return "old";
  if (roster.mode === "count" || roster.mode === "none") {
    // A count is absolute, so that nothing can be missed between two of them.
    return { roster: { ...roster, epoch, seq, count }, diff: { entered: [], updated: [], left: [] } };
  }
  if (mode === "count") return "old"; // on its way since before we asked for more
  if (!sameEpoch || change.prev !== roster.seq) return "gap";
  const members = new Map(roster.members);
  const diff = fold(members, change);
  return { roster: { mode, epoch, seq, count, members }, diff };
}

function fold(members: Map<string, Member>, change: RoomChanged): Diff {
  const entered: Member[] = [];
  const updated: Member[] = [];
  const left: { member: Member; reason?: NonNullable<MemberLeave["reason"]> }[] = [];
  for (const { id, reason } of change.leave ?? []) {
    const member = members.get(id);
    if (member && members.delete(id)) left.push(reason ? { member, reason } : { member });
  }
  for (const member of change.enter ?? []) {
    (members.has(member.id) ? updated : entered).push(member);
    members.set(member.id, member);
  }
  for (const update of change.update ?? []) {
    const member = members.get(update.id);
    if (!member) continue;
    const next = { ...member, ...update };
    members.set(next.id, next);
    updated.push(next);
  }
  return { entered, updated, left };
}

/** Where to resume, or null where only a new snapshot makes sense. */
export function position(roster: Roster | null): Position | null {
  return roster && (roster.mode === "full" || roster.mode === "sample") ? [roster.epoch, roster.seq] : null;
}
