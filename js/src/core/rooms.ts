/*
 * All rooms of one connection: what this page needs of each, against what the server knows that it needs.
 *
 * Handles are counted: two of one room make one membership, and the most that any of them wants to see is asked for. Differences are sent once per
 * microtask, so that a handle that is let go and taken again at once (React's StrictMode, a router) sends nothing. After a reconnect the server
 * knows nothing, so everything is asked again, from where it was left.
 */
import { ask, type Channel, retryMs } from "./channel.js";
import { RoomCopy } from "./copy.js";
import { Patch } from "./patch.js";
import { ONLINE, type Answer, type Member, type RoomChanged, type Snapshot, type State, type Watch } from "./wire.js";

export interface Need {
  /** Be counted in the room. */
  readonly enter: boolean;
  readonly watch: Watch;
}

interface Place {
  readonly copy: RoomCopy;
  readonly needs: Set<Need>;
  readonly patch: Patch;
  /** What the server knows of this connection's needs. */
  sent: Need | null;
  /** What the copy was last asked for; resuming makes sense only for the same. */
  seen: Watch | null;
  /** The number of the question that counts; answers to older ones are ignored. */
  asked: number;
  /** Ask although the server knows our needs: a gap, or no answer. */
  again: boolean;
}

interface Told {
  /** The room's, after `room:enter`. */
  readonly self?: Member;
  readonly rooms?: readonly Snapshot[];
}
const AMOUNT: readonly Watch[] = ["none", "count", "sample", "full"];

export class Rooms {
  #places = new Map<string, Place>();
  #dirty = new Set<Place>();
  #paused = false;

  constructor(
    private readonly channel: Channel,
    private readonly selfId: () => string | null,
    private readonly onSelf: (id: string) => void,
  ) {
    channel.on("room:changed", (change: RoomChanged) => this.#change(change));
  }

  /** Take a handle of a room. Returns its copy. */
  take(name: string, need: Need, state?: State): RoomCopy {
    let place = this.#places.get(name);
    if (!place) this.#places.set(name, (place = this.#create(name)));
    place.needs.add(need);
    if (state) place.patch.add(state);
    this.#mark(place);
    return place.copy;
  }

  drop(name: string, need: Need): void {
    const place = this.#places.get(name);
    if (place?.needs.delete(need)) this.#mark(place);
  }

  update(name: string, state: State): void {
    this.#places.get(name)?.patch.add(state);
  }

  /** The server knows nothing of us: after connecting. */
  restart(): void {
    for (const place of this.#places.values()) {
      place.sent = null;
      this.#again(place);
    }
  }

  /** We are somebody else: `self` differs, and what was refused may be allowed now. */
  renamed(): void {
    for (const place of this.#places.values()) {
      place.copy.touch();
      if (place.copy.snapshot().status === "refused") this.#again(place);
    }
  }

  lost(): void {
    for (const place of this.#places.values()) {
      place.sent = null;
      place.asked++;
      place.copy.lost();
    }
  }

  /** The page is going away: leave everywhere now, not after the server's grace. */
  hide(): void {
    this.#paused = true;
    for (const [room, place] of this.#places) {
      if (place.sent?.enter && this.channel.connected) this.channel.emit("room:leave", { room });
      place.asked++;
      place.sent = null;
    }
  }

  show(): void {
    this.#paused = false;
    this.restart();
  }

  #create(name: string): Place {
    const copy = new RoomCopy(name, this.selfId);
    const send = (state: State): void => {
      if (place.sent?.enter && this.channel.connected) {
        ask(this.channel, "room:update", { room: name, state }, (answer) => {
          if (answer && !answer.ok) copy.events.emit("refused", answer.error);
        });
      }
    };
    const place: Place = { copy, needs: new Set(), patch: new Patch(send), sent: null, seen: null, asked: 0, again: false };
    return place;
  }

  #mark(place: Place): void {
    if (!this.#dirty.size) queueMicrotask(() => this.#flush());
    this.#dirty.add(place);
  }

  #flush(): void {
    const places = [...this.#dirty];
    this.#dirty.clear();
    const watch = new Map<Watch, Place[]>();
    const unwatch: string[] = [];
    for (const place of places) {
      const { name } = place.copy;
      const want = combine(name, place.needs);
      if (!want) this.#places.delete(name);
      if (!this.channel.connected || this.#paused) continue;
      if (!place.again && want?.enter === place.sent?.enter && want?.watch === place.sent?.watch) continue;
      if (place.sent?.enter && !want?.enter) this.channel.emit("room:leave", { room: name });
      else if (place.sent && !want) unwatch.push(name);
      if (want?.enter) this.#enter(place, want);
      else if (want) watch.set(want.watch, [...(watch.get(want.watch) ?? []), place]);
      place.sent = want;
      place.again = false;
    }
    if (unwatch.length) this.channel.emit("room:unwatch", { rooms: unwatch });
    for (const [amount, group] of watch) this.#watch(group, amount);
  }

  #enter(place: Place, { watch }: Need): void {
    const since = place.seen === watch ? place.copy.since : null;
    this.#ask([place], "room:enter", { room: place.copy.name, watch, state: place.patch.take(), ...(since && { since }) }, watch);
  }

  /** Those that are new in one question; those that resume, each from its own place. */
  #watch(places: Place[], watch: Watch): void {
    const fresh = places.filter((place) => place.seen !== watch || !place.copy.since);
    if (fresh.length) this.#ask(fresh, "room:watch", { rooms: fresh.map(({ copy }) => copy.name), watch }, watch);
    for (const place of places) {
      const { name, since } = place.copy;
      if (!fresh.includes(place)) this.#ask([place], "room:watch", { rooms: [name], watch, since }, watch);
    }
  }

  #ask(places: Place[], event: string, argument: object, watch: Watch): void {
    const asked = places.map((place) => {
      place.seen = watch;
      place.copy.expect();
      return ++place.asked;
    });
    ask<Told>(this.channel, event, argument, (answer) => {
      const current = places.filter((place, index) => place.asked === asked[index]);
      if (answer?.ok) this.#answer(current, answer);
      else if (answer && current.length > 1) for (const place of current) this.#watch([place], watch); // which one was it?
      else for (const place of current) this.#refused(place, answer);
    });
  }

  #answer(places: Place[], answer: Told): void {
    const { self = null, rooms = [answer as Snapshot] } = answer;
    if (self) this.onSelf(self.id);
    for (const place of places) {
      const snapshot = rooms.find(({ room }) => room === place.copy.name);
      if (snapshot && !place.copy.answer(snapshot, place.sent?.enter ? self : null)) this.#again(place);
    }
  }

  #refused(place: Place, answer: (Answer<unknown> & { ok: false }) | null): void {
    const ms = retryMs(answer);
    if (ms !== null) this.#later(place, ms);
    else if (answer) place.copy.refuse(answer.error);
  }

  #later(place: Place, ms: number): void {
    const { asked } = place;
    setTimeout(() => place.asked === asked && this.#again(place), ms);
  }

  #change(change: RoomChanged): void {
    const place = this.#places.get(change.room);
    if (place && !place.copy.change(change)) this.#again(place);
  }

  #again(place: Place): void {
    place.again = true;
    this.#mark(place);
  }
}

/** The most that any handle needs. Everybody is in @online already: it is only watched. */
function combine(name: string, needs: ReadonlySet<Need>): Need | null {
  if (!needs.size) return null;
  let enter = false;
  let amount = 0;
  for (const need of needs) {
    enter ||= need.enter;
    amount = Math.max(amount, AMOUNT.indexOf(need.watch));
  }
  return { enter: enter && name !== ONLINE, watch: AMOUNT[amount] as Watch };
}
