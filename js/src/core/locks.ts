/*
 * The rights to edit of one connection: what the page wants of each lock, against what the server has said.
 *
 * Whoever holds a handle sees the lock, which the server tells to those who watch its room; so a handle watches the room, as cheaply as that goes.
 * After a reconnect everything that was wanted is asked for again: a lock that was held, but not a place in its queue if it is somebody else's
 * by now, because nobody wants to wait for what they believed to have; and a place, which the server has kept for its grace.
 *
 * The page's end gives nothing back. It may be a refresh, and for that the server has a grace; removing the element does.
 */
import { ask, type Channel, retryMs } from "./channel.js";
import { LockCopy, type LockEvents, type LockSnapshot } from "./lock.js";
import type { Need, Rooms } from "./rooms.js";
import type { LockAnswer, LockChanged, LockGrant, LockLost, Person } from "./wire.js";

const SEE: Need = { enter: false, watch: "count" };
/** How long after the room's snapshot the server may take to mention a lock that is held. */
const SETTLE_MS = 150;
/** The server calls a holder idle who has not said this for two minutes. */
const TOUCH_MS = 20_000;

/** A hold on what is known of a lock. The lock itself, and the place in its queue, go with the last hold on it. */
export interface Lock {
  readonly name: string;
  on<Name extends keyof LockEvents>(name: Name, listener: (value: LockEvents[Name]) => void): () => void;
  getSnapshot(): LockSnapshot;
  subscribe(listener: () => void): () => void;
  /** Get it, or a place in its queue; without `wait`, only if nobody has it. What comes of it is in the snapshot. */
  acquire(options?: { readonly wait?: boolean }): void;
  /** Give it back, or the place in the queue; after a loss: I have seen it. */
  release(): void;
  /** Somebody works on it: as cheap as a keystroke, sent at most every 20 seconds. */
  touch(): void;
  /** Ask the server whether it is still this page's; what is known then, with a fresh receipt. */
  confirm(): Promise<LockSnapshot>;
  /** Get a place in the queue, and ask the holder to hand over. */
  request(): void;
  /** Give it to who asked for it, else to the next in line; `to` is another user who waits. */
  handOver(to?: string): void;
  /** Take it from whoever has it, where the application allows that. They are told why. */
  take(why?: string): void;
  /** Let go of this hold; also takes its listeners away. */
  leave(): void;
}

interface Desk {
  readonly copy: LockCopy;
  readonly close: () => void;
  handles: number;
  /** The number of the command whose answer counts. */
  asked: number;
  asking: boolean;
  worked: boolean;
  timer: ReturnType<typeof setTimeout> | undefined;
}

export class Locks {
  #desks = new Map<string, Desk>();
  /** Of locks that nobody has a handle of, too: who takes one later is not told again. */
  #facts = new Map<string, LockChanged>();
  /** How far the server's clock is ahead at least: nothing that it reports has happened later than now. */
  #aheadMs = 0;

  constructor(
    private readonly channel: Channel,
    private readonly rooms: Rooms,
    private readonly selfId: () => string | null,
  ) {
    channel.on("lock:changed", (fact: LockChanged) => this.#changed(fact));
    const hear = <Fact extends { lock: string }>(event: string, act: (desk: Desk, fact: Fact) => void): void => {
      channel.on(event, (fact: Fact) => {
        const desk = this.#desks.get(fact.lock);
        if (desk) act(desk, fact);
      });
    };
    hear<LockGrant & { lock: string }>("lock:granted", (desk, fact) => this.#granted(desk, fact));
    hear<LockLost>("lock:lost", ({ copy }, fact) => copy.fence !== null && copy.lose(fact));
    hear<{ lock: string; by: Person; hand_over_at: number }>("lock:requested", ({ copy }, fact) => copy.request(fact.by, fact.hand_over_at));
    hear<{ lock: string; release_at: number }>("lock:warned", ({ copy }, fact) => copy.warn(fact.release_at));
  }

  take(lock: string): Lock {
    const name = lock.normalize("NFC");
    const desk = this.#desks.get(name) ?? this.#open(name);
    const { copy } = desk;
    const listening = new Set<() => void>();
    const on: Lock["on"] = (event, listener) => {
      const off = copy.events.on(event, listener);
      listening.add(off);
      return () => void (listening.delete(off), off());
    };
    desk.handles++;
    return {
      name,
      on,
      getSnapshot: copy.snapshot,
      subscribe: (listener) => on("change", listener),
      acquire: ({ wait = true } = {}) => this.#want(desk, wait ? "place" : "lock", "lock:acquire", { wait }),
      release: () => this.#release(desk),
      touch: () => this.#worked(desk),
      confirm: async () => (await this.#touch(desk), copy.snapshot()),
      request: () => this.#want(desk, "place", "lock:request", {}),
      handOver: (to) => this.#told(desk, "lock:hand_over", { ...(to !== undefined && { to }), fence: copy.fence }),
      take: (why = "") => this.#want(desk, "lock", "lock:take", { why }),
      leave: () => {
        for (const off of listening) off();
        listening.clear();
        // A handle that is let go and taken again at once (React's StrictMode, an element that is moved) gives nothing back.
        desk.handles--;
        queueMicrotask(() => !desk.handles && this.#close(desk));
      },
    };
  }

  /** The server knows nothing of us: after connecting, and after becoming somebody else. */
  restart(): void {
    for (const desk of this.#desks.values()) this.#again(desk);
  }

  /** The locks of who this was before are theirs no more. */
  renamed(_selfId: string, again: boolean): void {
    if (again) this.restart();
  }

  lost(): void {
    this.#facts.clear();
    for (const desk of this.#desks.values()) {
      desk.asked++;
      desk.asking = false;
      desk.copy.offline();
    }
  }

  #open(name: string): Desk {
    const room = this.rooms.take(name.split("#", 1)[0] as string, SEE);
    const copy = new LockCopy(name, this.selfId, (at) => at - this.#aheadMs);
    const fact = this.#facts.get(name);
    // What is known of a lock is true as long as its room is watched.
    if (room.snapshot().status !== "live") this.#facts.delete(name);
    else if (fact) copy.change(fact, false);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const settle = (): void => {
      timer = undefined;
      if (this.channel.connected) copy.settle();
    };
    const seen = (): void => {
      const { status } = room.snapshot();
      if (!copy.known && this.channel.connected && (status === "live" || status === "refused")) timer ??= setTimeout(settle, SETTLE_MS);
    };
    const off = room.events.on("change", seen);
    const close = (): void => {
      clearTimeout(timer);
      off();
      this.rooms.drop(room.name, SEE);
    };
    seen();
    const desk: Desk = { copy, close, handles: 0, asked: 0, asking: false, worked: false, timer: undefined };
    this.#desks.set(name, desk);
    return desk;
  }

  #close(desk: Desk): void {
    if (this.#desks.get(desk.copy.name) !== desk) return;
    this.#release(desk);
    this.#desks.delete(desk.copy.name);
    clearTimeout(desk.timer);
    desk.close();
  }

  #changed(fact: LockChanged): void {
    if (fact.since) this.#aheadMs = Math.max(this.#aheadMs, fact.since - Date.now());
    if (fact.holder || fact.waiting) this.#facts.set(fact.lock, fact);
    else this.#facts.delete(fact.lock);
    const desk = this.#desks.get(fact.lock);
    desk?.copy.change(fact, desk.asking);
  }

  #granted({ copy }: Desk, fact: LockGrant): void {
    if (copy.want) copy.hold(fact);
    else this.channel.emit("lock:release", { lock: copy.name, fence: fact.fence }); // no longer wanted when it came
  }

  #want(desk: Desk, want: "lock" | "place", event: string, argument: object): void {
    desk.copy.expect(want);
    this.#command(desk, event, argument);
  }

  #again(desk: Desk): void {
    const { want } = desk.copy;
    desk.copy.touch();
    if (want) this.#command(desk, "lock:acquire", { wait: want === "place" });
  }

  #release(desk: Desk): void {
    const { copy } = desk;
    const mine = copy.want;
    desk.asked++; // an answer that is still to come is about what was wanted before
    desk.asking = false;
    const { fence } = copy;
    copy.lose(null);
    if (mine && this.channel.connected) this.channel.emit("lock:release", { lock: copy.name, ...(fence !== null && { fence }) });
  }

  #command(desk: Desk, event: string, argument: object): void {
    if (!this.channel.connected) return; // asked for as soon as it is
    const asked = ++desk.asked;
    desk.asking = true;
    ask<LockAnswer>(this.channel, event, { lock: desk.copy.name, ...argument }, (answer) => {
      if (desk.asked !== asked) return;
      desk.asking = false;
      if (answer?.ok) return desk.copy.answer(answer);
      const ms = retryMs(answer);
      if (answer) desk.copy.refuse(answer.error, ms !== null);
      if (ms !== null) setTimeout(() => desk.asked === asked && this.#command(desk, event, argument), ms);
    });
  }

  /** A command whose answer says nothing but whether it was right. */
  #told(desk: Desk, event: string, argument: object): void {
    ask(this.channel, event, { lock: desk.copy.name, ...argument }, (answer) => {
      if (answer && !answer.ok) desk.copy.events.emit("refused", answer.error);
    });
  }

  #worked(desk: Desk): void {
    if (desk.copy.fence === null) return;
    desk.worked = true;
    if (desk.copy.warned) clearTimeout(desk.timer);
    else if (desk.timer) return;
    this.#flush(desk);
  }

  #flush(desk: Desk): void {
    desk.timer = undefined;
    if (!desk.worked) return;
    desk.worked = false;
    void this.#touch(desk);
    desk.timer = setTimeout(() => this.#flush(desk), TOUCH_MS);
  }

  #touch({ copy }: Desk): Promise<void> {
    const { fence } = copy;
    if (fence === null || !this.channel.connected) return Promise.resolve();
    return new Promise((resolve) => {
      ask<LockAnswer>(this.channel, "lock:touch", { lock: copy.name, fence }, (answer) => {
        if (copy.fence === fence) {
          if (answer?.ok) copy.answer(answer);
          else if (answer?.error.code === "not_holder") copy.lose({ reason: "expired" });
        }
        resolve();
      });
    });
  }
}
