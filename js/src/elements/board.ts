/* A ranking as people read it: what a room is called, where it leads, and in what order. Pure. Names of rooms come from other people. */
import type { RoomCount } from "../core/wire.js";

export type Titles = Readonly<Record<string, string>> | ((room: string) => string | null | undefined);

/** What the page calls a room, if it has a name for it. */
export function titled(room: string, titles: Titles): string | null {
  if (typeof titles === "function") return titles(room) || null;
  return Object.hasOwn(titles, room) ? titles[room] || null : null;
}

/** Without a title: the name without the prefix that all of them have, as people would write it. */
export function plain(room: string, prefix: string): string {
  const rest = room.startsWith(prefix) && room.length > prefix.length ? room.slice(prefix.length) : room;
  try {
    return decodeURIComponent(rest);
  } catch {
    return rest;
  }
}

/** A room that is a path on this site leads there. `//host` and `/\host` would lead elsewhere. */
export function path(room: string): string | null {
  return /^\/(?![/\\])/.test(room) ? room : null;
}

/** The new counts in the old order, for as long as somebody points at the list: who has left it keeps the place, with 0; who is new comes last. */
export function steady(rooms: readonly RoomCount[], before: readonly string[]): RoomCount[] {
  const counts = new Map(rooms.map(({ room, count }) => [room, count]));
  const kept = before.map((room) => ({ room, count: counts.get(room) ?? 0 }));
  return [...kept, ...rooms.filter(({ room }) => !before.includes(room))];
}
