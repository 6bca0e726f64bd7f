/* A channel without a network: what was sent is a list, what arrives is a call. */
import type { Channel } from "../src/core/channel.js";
import type { Member, RoomChanged, Snapshot } from "../src/core/wire.js";

type Reply = (error: Error | null, value: unknown) => void;
export interface Sent {
  readonly event: string;
  readonly argument: any;
  readonly reply?: Reply;
}

export class ChannelStub implements Channel {
  connected = false;
  sent: Sent[] = [];
  #listeners: [string, (...args: any[]) => void][] = [];

  on = (event: string, listener: (...args: any[]) => void): unknown => this.#listeners.push([event, listener]);
  emit = (event: string, argument: unknown): unknown => this.sent.push({ event, argument });
  timeout = (): ReturnType<Channel["timeout"]> => ({ emit: (event, argument, reply) => this.sent.push({ event, argument, reply }) });

  receive(event: string, ...args: unknown[]): void {
    for (const [name, listener] of this.#listeners) if (name === event) listener(...args);
  }
  async connect(): Promise<void> {
    this.connected = true;
    this.receive("connect");
    await settled();
  }
  disconnect(): void {
    this.connected = false;
    this.receive("disconnect", "transport close");
  }
  /** Answer the only open question of this name, and forget what was sent. */
  async answer(event: string, value: object): Promise<void> {
    const open = this.sent.filter((sent) => sent.event === event && sent.reply);
    if (open.length !== 1) throw new Error(`${open.length} open ${event}: ${this.names()}`);
    this.sent = [];
    open[0]?.reply?.(null, { ok: true, ...value });
    await settled();
  }
  names(): string {
    return this.sent.map(({ event }) => event).join(" ");
  }
}

/** What a microtask flushes is flushed. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export const member = (id: string, more: Partial<Member> = {}): Member => ({
  id,
  name: id.toUpperCase(),
  info: null,
  anonymous: false,
  status: "active",
  state: {},
  since: 0,
  generation: 1,
  connections: 1,
  ...more,
});

export const snapshot = (seq: number, members: Member[], more: Partial<Snapshot> = {}): Snapshot & { self: Member } => ({
  self: member("me"),
  room: "/p",
  mode: "full",
  epoch: "e",
  seq,
  count: members.length,
  recovered: false,
  members,
  ...more,
});

export const change = (seq: number, more: Partial<RoomChanged> = {}): RoomChanged => ({
  room: "/p",
  mode: "full",
  epoch: "e",
  seq,
  prev: seq - 1,
  count: 1,
  ...more,
});
