/*
 * Where everybody is in an article, as numbers. Pure.
 *
 * A place is a percentage of the way that the article has to go past the window: 0 while its head has not reached the upper edge, 100 as soon as its
 * end is in sight. Rejected: the share of the text that has been in sight; on a large screen it begins at a half, and nobody has read that.
 */
import type { Member } from "../core/wire.js";

export interface Reader {
  readonly member: Member;
  readonly at: number;
}

export interface Group {
  /** The middle of its readers. */
  readonly at: number;
  readonly readers: readonly Reader[];
}

/** How far the article has gone past a window of that height; `top` is its head, seen from the window's upper edge. Pixels in, percent out. */
export function progress(top: number, height: number, window: number): number {
  const way = height - window;
  if (way <= 0) return top + height <= window ? 100 : 0; // all of it fits
  return Math.min(100, Math.max(0, (-top / way) * 100));
}

/** Those who say where they are. What they say comes from their browsers, so it is looked at. */
export function readers(members: readonly Member[]): Reader[] {
  return members.flatMap((member) => {
    const at = member.state["position"];
    return typeof at === "number" && Number.isFinite(at) ? [{ member, at: Math.min(100, Math.max(0, at)) }] : [];
  });
}

/**
 * Readers who would be drawn over each other become one group. The groups are at least `apart` percent from one another, so that any crowd can be
 * told apart, and each stands where its readers are.
 */
export function groups(all: readonly Reader[], apart: number): Group[] {
  const out: Group[] = [];
  for (const reader of [...all].sort((a, b) => a.at - b.at || (a.member.id < b.member.id ? -1 : 1))) {
    let group: Group = { at: reader.at, readers: [reader] };
    for (let last = out.at(-1); last && group.at - last.at < apart; last = out.at(-1)) {
      out.pop();
      group = join(last, group);
    }
    out.push(group);
  }
  return out;
}

function join(a: Group, b: Group): Group {
  const [m, n] = [a.readers.length, b.readers.length];
  return { at: (a.at * m + b.at * n) / (m + n), readers: [...a.readers, ...b.readers] };
}

/** Who a group is drawn as from one second to the next: whoever has been here longest. */
export function eldest(group: Group): Member {
  return group.readers.map(({ member }) => member).reduce((a, b) => (b.since < a.since || (b.since === a.since && b.id < a.id) ? b : a));
}
