/*
 * This page's copy of one room: what was sent, as an immutable snapshot and as events. It sends nothing itself.
 *
 * A change may overtake the snapshot it builds on, so from `expect()` to `answer()` changes are held back and applied afterwards.
 * Both `answer` and `change` return false at a gap; then the caller has to ask again.
 */
import { Emitter } from "./emitter.js";
import { applyChange, applySnapshot, position, type Roster } from "./presence.js";
import type { LeaveReason, Member, Position, Refusal, RoomChanged, Snapshot, Watch } from "./wire.js";

export interface RoomSnapshot {
  readonly room: string;
  /** `stale`: the connection is lost, this is what was true. `refused`: see `error`. */
  readonly status: "waiting" | "live" | "stale" | "refused";
  /** What one sees of the room; above the server's limit `full` becomes `sample`. */
  readonly mode: Watch | null;
  /** Distinct people, exact in every mode, invisible ones included. */
  readonly count: number;
  readonly members: readonly Member[];
  readonly others: readonly Member[];
  /** Oneself, in the sample or not; null where one has not entered and is not listed. */
  readonly self: Member | null;
  readonly error: Refusal | null;
}

export interface RoomEvents {
  /** The list was built anew: take it whole. */
  sync: RoomSnapshot;
  /** Somebody came; in a sample: somebody is shown now. */
  enter: Member;
  update: Member;
  leave: Member & { readonly reason: LeaveReason };
  refused: Refusal;
  /** Something about the snapshot is different. */
  change: null;
}

export class RoomCopy {
  readonly events = new Emitter<RoomEvents>();
  #roster: Roster | null = null;
  #resumable = false;
  #held: RoomChanged[] | null = null;
  #status: RoomSnapshot["status"] = "waiting";
  #error: Refusal | null = null;
  #self: Member | null = null;
  #snapshot: RoomSnapshot | null = null;

  constructor(
    readonly name: string,
    private readonly selfId: () => string | null,
  ) {}

  /** Where to resume from; null for a whole snapshot. */
  get since(): Position | null {
    return this.#resumable ? position(this.#roster) : null;
  }

  expect(): void {
    this.#held = [];
  }

  answer(answer: Snapshot, self: Member | null): boolean {
    const held = this.#held ?? [];
    this.#held = null;
    this.#error = null;
    this.#self = self;
    this.#status = "live";
    if (!answer.recovered) this.#replace(answer);
    // Resuming that leads nowhere is not tried again: the next question is for everything. Until then the old list stands.
    else if (!this.#recover(answer)) return (this.#resumable = false);
    this.touch();
    return held.every((change) => this.change(change));
  }

  change(change: RoomChanged): boolean {
    if (this.#held) this.#held.push(change);
    else if (this.#roster) return this.#apply(change);
    return true;
  }

  /** The connection is gone; what we have is what was true. */
  lost(): void {
    this.#held = null;
    if (this.#status === "live") this.#status = "stale";
    this.touch();
  }

  refuse(error: Refusal): void {
    this.#held = null;
    this.#status = "refused";
    this.#error = error;
    this.touch();
    this.events.emit("refused", error);
  }

  /** The same object until something changes. */
  snapshot = (): RoomSnapshot => (this.#snapshot ??= this.#build());

  /** The next snapshot differs. */
  touch(): void {
    this.#snapshot = null;
    this.events.emit("change", null);
  }

  #replace(answer: Snapshot): void {
    this.#roster = applySnapshot(answer);
    this.#resumable = true;
    this.#snapshot = null;
    this.events.emit("sync", this.snapshot());
  }

  #recover({ changes = [], mode, epoch, seq, count }: Snapshot): boolean {
    if (!this.#roster || !changes.every((change) => this.#apply(change))) return false;
    this.#roster = { ...this.#roster, mode, epoch, seq, count };
    return true;
  }

  #apply(change: RoomChanged): boolean {
    const applied = applyChange(this.#roster as Roster, change);
    if (applied === "gap") return false;
    if (applied === "old") return true;
    this.#roster = applied.roster;
    this.touch();
    for (const { member, reason } of applied.diff.left) if (reason) this.events.emit("leave", { ...member, reason });
    for (const member of applied.diff.entered) this.events.emit("enter", member);
    for (const member of applied.diff.updated) this.events.emit("update", member);
    return true;
  }

  #build(): RoomSnapshot {
    const members = Object.freeze([...(this.#roster?.members.values() ?? [])]);
    const id = this.selfId();
    return Object.freeze({
      room: this.name,
      status: this.#status,
      mode: this.#roster?.mode ?? null,
      count: this.#roster?.count ?? 0,
      members,
      others: Object.freeze(members.filter((member) => member.id !== id)),
      self: members.find((member) => member.id === id) ?? (this.#self?.id === id ? this.#self : null),
      error: this.#error,
    });
  }
}
