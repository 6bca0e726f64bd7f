/*
 * This page's copy of one lock: what was sent, as an immutable snapshot and as events. It sends nothing itself.
 *
 * Only the server's answer to this connection, or its `lock:granted`, makes this page the holder. That `lock:changed` names the same user is not
 * enough: another tab of theirs may have it.
 *
 * Times are the server's; they are given in this computer's time, as far as that can be known (`local`).
 */
import { Emitter } from "./emitter.js";
import type { LockAnswer, LockChanged, LockGrant, LockLost, LossReason, Person, Refusal } from "./wire.js";

export interface Loss {
  readonly reason: LossReason;
  /** Who has it now, where they asked for it or took it. */
  readonly by: Person | null;
  readonly why: string;
}

export interface LockSnapshot {
  readonly lock: string;
  /** `lost`: it was this page's, see `loss`; until it is asked for again, or released. */
  readonly status: "waiting" | "free" | "held-by-me" | "held-by-other" | "queued" | "lost";
  /** The connection is lost; this is what was true. */
  readonly stale: boolean;
  readonly holder: Person | null;
  /** The holder is this user, in another tab. */
  readonly elsewhere: boolean;
  /** The first of those who wait, in order. */
  readonly queue: readonly Person[];
  /** How many wait. */
  readonly waiting: number;
  /** This page's place in the queue: 1 is next. */
  readonly position: number | null;
  /** Save with it. Only while this page holds the lock. */
  readonly fence: number | null;
  /** The fence, signed, where the server has a secret. */
  readonly receipt: string | null;
  /** Since when the holder has it; this and the other times are milliseconds since 1970. */
  readonly since: number | null;
  /** When it ends if the server can no longer renew it. */
  readonly expiresAt: number | null;
  readonly requestedBy: Person | null;
  /** It is this user who asked. */
  readonly asked: boolean;
  /** When it goes to who asked for it, at the latest. */
  readonly handOverAt: number | null;
  /** When this page loses it unless somebody works here: it has been warned. */
  readonly releaseAt: number | null;
  readonly loss: Loss | null;
  readonly error: Refusal | null;
}

export interface LockEvents {
  /** It is this page's: with a fence that it did not have before. */
  held: { readonly fence: number; readonly receipt: string | null };
  lost: Loss;
  /** Somebody asks this page for it. */
  requested: { readonly by: Person; readonly handOverAt: number };
  /** Nobody works here, and somebody waits. */
  warned: { readonly releaseAt: number };
  refused: Refusal;
  /** Something about the snapshot is different. */
  change: null;
}

type Known = Omit<LockChanged, "lock">;
const NOTHING: Known = { holder: null, queue: [], waiting: 0, fence: null, since: null };

export class LockCopy {
  readonly events = new Emitter<LockEvents>();
  /** What is asked for again after a reconnect: the lock, or a place in its queue. */
  want: "lock" | "place" | null = null;
  /** As last heard; null where nobody has it, or nothing has been heard. */
  #fact: Known | null = null;
  /** Whether it has been heard on this connection. */
  #known = false;
  #own: LockGrant | null = null;
  #position: number | null = null;
  #releaseAt: number | null = null;
  #loss: Loss | null = null;
  #error: Refusal | null = null;
  #snapshot: LockSnapshot | null = null;

  constructor(
    readonly name: string,
    private readonly selfId: () => string | null,
    private readonly local: (at: number) => number,
  ) {}

  get known(): boolean {
    return this.#known;
  }

  get fence(): number | null {
    return this.#own?.fence ?? null;
  }

  get warned(): boolean {
    return this.#releaseAt !== null;
  }

  /** What came of a command. */
  answer({ status, holder, waiting, position, ...grant }: LockAnswer): void {
    this.#heard({ ...(this.#fact ?? NOTHING), holder, waiting });
    this.#error = null;
    if (status === "held") return this.hold(grant as LockGrant);
    if (this.#own) return this.lose({ reason: "expired", ...(holder && { by: holder }) });
    this.#position = position ?? null;
    this.want = position ? "place" : null;
    this.touch();
  }

  hold(grant: LockGrant): void {
    const known = this.#own;
    if (known && known.fence !== grant.fence) this.lose({ reason: "expired" });
    this.want = "lock";
    this.#own = grant;
    const { request, ...fact } = this.#fact ?? NOTHING;
    if (request?.by.id === this.selfId()) this.#fact = fact; // one's own: it has been heard
    this.#loss = null;
    this.#position = null;
    this.#releaseAt = null;
    this.touch();
    if (known?.fence !== grant.fence) this.events.emit("held", { fence: grant.fence, receipt: grant.receipt ?? null });
  }

  /** Let go of: by this page (without a loss), or by others. */
  lose(loss: Pick<LockLost, "reason" | "by" | "why"> | null): void {
    const held = this.#own;
    this.want = null;
    this.#own = null;
    this.#error = null;
    this.#position = null;
    this.#releaseAt = null;
    this.#loss = held && loss ? { reason: loss.reason, by: loss.by ?? null, why: loss.why ?? "" } : null;
    // Until the server says who has it now, which it does within a tick.
    const { request: _, ...fact } = this.#fact ?? NOTHING;
    if (held && loss?.reason !== "moved") this.#fact = { ...fact, holder: loss?.by ?? fact.queue[0] ?? null };
    this.touch();
    if (this.#loss) this.events.emit("lost", this.#loss);
  }

  /** Begin to ask for it. */
  expect(want: "lock" | "place"): void {
    this.want = want;
    this.#loss = this.#error = null;
    this.touch();
  }

  /** @param asking whether an answer is still to come, which says more about this page. */
  change(fact: LockChanged, asking: boolean): void {
    this.#heard(fact);
    if (this.want === "place" && !asking) this.#reposition(fact);
    if (!fact.waiting) this.#releaseAt = null;
    this.touch();
  }

  request(by: Person, hand_over_at: number): void {
    this.#fact = { ...(this.#fact ?? NOTHING), request: { by, hand_over_at } };
    this.touch();
    this.events.emit("requested", { by, handOverAt: this.local(hand_over_at) });
  }

  warn(release_at: number): void {
    this.#releaseAt = release_at;
    this.touch();
    this.events.emit("warned", { releaseAt: this.local(release_at) });
  }

  /** What was asked for is not to be had, or (`again`) is asked for again later. */
  refuse(error: Refusal, again = false): void {
    if (!again) this.want = this.#own ? "lock" : this.#position ? "place" : null;
    this.#error = error;
    this.touch();
    this.events.emit("refused", error);
  }

  /** The connection is gone; what we have is what was true. */
  offline(): void {
    this.#known = false;
    this.touch();
  }

  /** The server has had its say: a lock that it did not mention is free. */
  settle(): void {
    if (this.#known) return;
    this.#heard(null);
    this.touch();
  }

  /** The same object until something changes. */
  snapshot = (): LockSnapshot => (this.#snapshot ??= this.#build());

  /** The next snapshot differs. */
  touch(): void {
    this.#snapshot = null;
    this.events.emit("change", null);
  }

  #heard(fact: Known | null): void {
    this.#fact = fact;
    this.#known = true;
  }

  /** A user has one place in a queue: another tab may have given it up, or got the lock. */
  #reposition({ holder, queue, waiting }: Known): void {
    const self = this.selfId();
    const index = queue.findIndex(({ id }) => id === self);
    if (index >= 0) this.#position = index + 1;
    else if (self !== null && (holder?.id === self || queue.length === waiting)) {
      this.want = null;
      this.#position = null;
    }
  }

  #build(): LockSnapshot {
    const { holder, queue, waiting, since, request } = this.#fact ?? NOTHING;
    const local = (at: number | null | undefined): number | null => (at ? this.local(at) : null);
    return Object.freeze({
      lock: this.name,
      status: this.#status(holder),
      stale: !this.#known && (!!this.#own || !!this.#fact),
      holder,
      elsewhere: !this.#own && !!holder && holder.id === this.selfId(),
      queue,
      waiting,
      position: this.#position,
      fence: this.fence,
      receipt: this.#own?.receipt ?? null,
      since: local(since),
      expiresAt: local(this.#own?.expires_at),
      requestedBy: request?.by ?? null,
      asked: !!request && request.by.id === this.selfId(),
      handOverAt: local(request?.hand_over_at),
      releaseAt: local(this.#releaseAt),
      loss: this.#loss,
      error: this.#error,
    });
  }

  #status(holder: Person | null): LockSnapshot["status"] {
    if (this.#own) return "held-by-me";
    if (this.#loss) return "lost";
    if (this.#position) return "queued";
    if (!this.#known && !this.#fact) return "waiting";
    return holder ? "held-by-other" : "free";
  }
}
