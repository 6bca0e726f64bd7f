/*
 * One connection to one server, and who is there: rooms, rankings, oneself. What else a page may hold through it is a Part of a class that
 * extends this one (everything.ts), so that a page which only shows people loads nothing else.
 *
 * It works on a Channel, which is a socket.io-client Socket or, in tests, a stub of twenty lines. Every snapshot is immutable and cached, as
 * React's useSyncExternalStore and its like in other frameworks want it.
 */
import { ask, type Channel } from "./channel.js";
import type { RoomEvents, RoomSnapshot } from "./copy.js";
import { Emitter } from "./emitter.js";
import { Rankings, type Ranking, type RankingOptions } from "./rankings.js";
import { type Need, Rooms } from "./rooms.js";
import { ONLINE, type Refusal, type State, type Status, type Watch } from "./wire.js";

export interface Connection {
  /** `refused` and `closed` do not come back by themselves. */
  readonly status: "connecting" | "connected" | "reconnecting" | "refused" | "closed";
  /** The own public id, as soon as the server has told it. */
  readonly selfId: string | null;
  readonly error: Refusal | null;
}

export interface RoomOptions {
  /** What to publish about oneself here: small and flat. */
  readonly state?: State;
  readonly watch?: Watch;
}

/** A hold on a room. The room is left when the last hold on it is let go. */
export interface Room {
  readonly name: string;
  on<Name extends keyof RoomEvents>(name: Name, listener: (value: RoomEvents[Name]) => void): () => void;
  getSnapshot(): RoomSnapshot;
  subscribe(listener: () => void): () => void;
  /** A shallow patch of one's state; null deletes a key. */
  update(state: State): void;
  /** Let go; also takes this hold's listeners away. */
  leave(): void;
}

/** Something that follows the connection. */
export interface Part {
  /** There is a connection, and the server knows nothing of us. */
  restart(): void;
  lost?(): void;
  /** The connection is somebody's; `again`: it was somebody else's. */
  renamed?(selfId: string, again: boolean): void;
  /** The page is going away: last chance to send. */
  hide?(): void;
}

export class PresenceStore {
  #rooms: Rooms;
  #rankings: Rankings;
  #parts: Part[] = [];
  #changed = new Emitter<{ change: null }>();
  #connection: Connection = Object.freeze({ status: "connecting", selfId: null, error: null });
  #automatic: Status = "active";
  #chosen: Status | null = null;

  constructor(private readonly channel: Channel) {
    this.#rooms = this.part((selfId) => new Rooms(channel, selfId, (id) => this.#setSelf(id)));
    this.#rankings = this.part(() => new Rankings(channel));
    channel.on("connect", () => this.#connected());
    channel.on("disconnect", () => this.#parts.forEach((part) => part.lost?.()));
  }

  /** Enter a room (be counted and shown) and see who else is there. `@online` is only looked at: everybody is in it. */
  room(name: string, options: RoomOptions = {}): Room {
    return this.#take(name, { enter: true, watch: options.watch ?? "full" }, options.state);
  }

  /** See a room without being counted in it. */
  watch(name: string, options: { readonly watch?: Watch } = {}): Room {
    return this.#take(name, { enter: false, watch: options.watch ?? "full" });
  }

  /** Everybody who is connected. */
  online(options: { readonly watch?: Watch } = {}): Room {
    return this.watch(ONLINE, options);
  }

  /** The rooms with the most people, at most once a second. */
  ranking(options: RankingOptions = {}): Ranking {
    return this.#rankings.take(options);
  }

  /** Become somebody else on this connection: an anonymous reader logs in. */
  identify(token: string): Promise<void> {
    return new Promise((resolve, reject) => {
      ask<{ self: { id: string } }>(this.channel, "user:identify", { token }, (answer) => {
        if (!answer?.ok) return reject(Object.assign(new Error(answer?.error.message ?? "no answer"), answer?.error));
        this.#setSelf(answer.self.id);
        resolve();
      });
    });
  }

  /** What this tab is; others see the most active of one's tabs. null: as input and visibility tell. */
  setStatus(status: Status | null): void {
    const before = this.#status;
    this.#chosen = status;
    if (this.#status !== before) this.#sendStatus();
  }

  getSnapshot = (): Connection => this.#connection;
  subscribe = (listener: () => void): (() => void) => this.#changed.on("change", listener);

  /* What connect() tells; page authors have no use for it. */

  /** @internal */
  get page(): { status(status: Status): void; hide(): void; show(): void } {
    return {
      status: (status) => {
        const before = this.#status;
        this.#automatic = status;
        if (this.#status !== before) this.#sendStatus();
      },
      hide: () => this.#parts.forEach((part) => part.hide?.()),
      show: () => this.#rooms.show(),
    };
  }

  /** @internal */
  set(part: Partial<Connection>): void {
    this.#connection = Object.freeze({ ...this.#connection, ...part });
    this.#changed.emit("change", null);
  }

  /** @internal */
  protected part<P extends Part>(make: (selfId: () => string | null, rooms: Rooms) => P): P {
    const part = make(() => this.#connection.selfId, this.#rooms);
    this.#parts.push(part);
    return part;
  }

  get #status(): Status {
    return this.#chosen ?? this.#automatic;
  }

  #sendStatus(): void {
    if (this.channel.connected) this.channel.emit("user:status", { status: this.#status });
  }

  #connected(): void {
    this.set({ status: "connected", error: null });
    if (this.#status !== "active") this.#sendStatus();
    this.#parts.forEach((part) => part.restart());
  }

  #setSelf(selfId: string): void {
    if (selfId === this.#connection.selfId) return;
    const again = this.#connection.selfId !== null;
    this.set({ selfId });
    this.#parts.forEach((part) => part.renamed?.(selfId, again));
  }

  #take(room: string, need: Need, state?: State): Room {
    const name = room.normalize("NFC");
    const copy = this.#rooms.take(name, need, state);
    const listening = new Set<() => void>();
    const on: Room["on"] = (event, listener) => {
      const off = copy.events.on(event, listener);
      listening.add(off);
      return () => void (listening.delete(off), off());
    };
    return {
      name,
      on,
      getSnapshot: copy.snapshot,
      subscribe: (listener) => on("change", listener),
      update: (patch) => this.#rooms.update(name, patch),
      leave: () => {
        for (const off of listening) off();
        listening.clear();
        this.#rooms.drop(name, need);
      },
    };
  }
}
