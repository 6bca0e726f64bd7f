/* Rooms by number of people, as the server ranks them. One question per (prefix, limit), however many handles ask it. */
import { ask, type Channel, retryMs } from "./channel.js";
import { Emitter } from "./emitter.js";
import type { RankingChanged, RoomCount } from "./wire.js";

export interface RankingOptions {
  readonly prefix?: string;
  /** How many rooms, at most. */
  readonly limit?: number;
}

export interface Ranking {
  /** The most visited first. The same array until something changes. */
  getSnapshot(): readonly RoomCount[];
  subscribe(listener: () => void): () => void;
  leave(): void;
}

class Board {
  readonly changed = new Emitter<{ change: null }>();
  rooms: readonly RoomCount[] = Object.freeze([]);
  handles = 0;

  constructor(readonly query: Required<RankingOptions>) {}

  set(rooms: readonly RoomCount[]): void {
    this.rooms = Object.freeze([...rooms]);
    this.changed.emit("change", null);
  }
}

export class Rankings {
  #boards = new Map<string, Board>();

  constructor(private readonly channel: Channel) {
    channel.on("ranking:changed", (fact: RankingChanged) => this.#boards.get(key(fact))?.set(fact.rooms));
  }

  take(options: RankingOptions): Ranking {
    const name = key(options);
    let board = this.#boards.get(name);
    if (!board) {
      this.#boards.set(name, (board = new Board({ prefix: options.prefix ?? "", limit: options.limit ?? 10 })));
      this.#ask(board);
    }
    board.handles++;
    const held = board;
    let open = true;
    return {
      getSnapshot: () => held.rooms,
      subscribe: (listener) => held.changed.on("change", listener),
      leave: () => {
        if (open) this.#drop(held);
        open = false;
      },
    };
  }

  restart(): void {
    for (const board of this.#boards.values()) this.#ask(board);
  }

  #drop(board: Board): void {
    if (--board.handles) return;
    this.#boards.delete(key(board.query));
    if (this.channel.connected) this.channel.emit("ranking:unwatch", board.query);
  }

  #ask(board: Board): void {
    if (!this.channel.connected) return;
    ask<RankingChanged>(this.channel, "ranking:watch", board.query, (answer) => {
      const ms = answer?.ok ? null : retryMs(answer);
      if (answer?.ok) board.set(answer.rooms);
      else if (ms !== null) setTimeout(() => this.#boards.get(key(board.query)) === board && this.#ask(board), ms);
    });
  }
}

function key({ prefix = "", limit = 10 }: RankingOptions): string {
  return `${limit} ${prefix}`;
}
