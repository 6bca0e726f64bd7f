/* The whole store: presence, the right to edit, and what was sent to one. */
import type { Channel } from "./channel.js";
import { connecting, type AtServer } from "./connect.js";
import type { Inbox, InboxOptions } from "./inbox.js";
import { Inboxes } from "./inboxes.js";
import { type Lock, Locks } from "./locks.js";
import { PresenceStore } from "./store.js";

export class Store extends PresenceStore {
  #locks: Locks;
  #inboxes: Inboxes;

  constructor(channel: Channel) {
    super(channel);
    this.#locks = this.part((selfId, rooms) => new Locks(channel, rooms, selfId));
    this.#inboxes = this.part(() => new Inboxes(channel));
  }

  /** The right to edit something: a room, or `room#field`. Whoever has a handle sees who has it; `acquire()` asks for it. */
  lock(name: string): Lock {
    return this.#locks.take(name);
  }

  /** What was sent to this user, and what they have not read. Anonymous visitors have none. */
  inbox(options: InboxOptions = {}): Inbox {
    return this.#inboxes.take(options);
  }
}

export type Here = Store & AtServer;

/**
 * Connect to the alsohere server that is mounted at `url` (default: the root of this site).
 * Without options, the page's connection to that server is joined if there is one; the elements on the page do the same.
 */
export const connect = connecting(Store);
