/* What a face shows of a person. Pure. Names come from other people: they are only ever used as text. */
import type { RoomSnapshot } from "../core/copy.js";
import type { Member } from "../core/wire.js";
import { texts } from "./texts.js";

/** One or two letters: of the first word and of the last. */
export function initials(name: string): string {
  const words = name.match(/[\p{L}\p{N}\p{Emoji_Presentation}][^\s]*/gu) ?? [];
  const first = firstLetter(words[0] ?? "");
  const last = words.length > 1 ? firstLetter(words.at(-1) ?? "") : "";
  return (first + last).toLocaleUpperCase() || "?";
}

/** What a reader takes for one letter may be several code points. */
function firstLetter(word: string): string {
  if (typeof Intl.Segmenter !== "function") return Array.from(word)[0] ?? "";
  const [first] = new Intl.Segmenter().segment(word);
  return first?.segment ?? "";
}

/** A person's colour, the same on every screen: degrees on the colour wheel. */
export function hue(id: string): number {
  let hash = 2166136261; // FNV-1a
  for (const char of id) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 16777619);
  return (hash >>> 8) % 360;
}

/** Oneself first, also where a sample leaves one out; then the newest first, so that an arrival is seen even where not everybody fits. */
export function order({ members, others, self }: RoomSnapshot): Member[] {
  const listed = self && self.status !== "invisible";
  const rest = [...(listed ? others : members)].sort((a, b) => b.since - a.since || (a.id < b.id ? -1 : 1));
  return listed ? [self, ...rest] : rest;
}

export interface Row {
  readonly faces: readonly Member[];
  /** How many are there besides: what does not fit, is not in the sample, or is invisible. */
  readonly rest: number;
}

/** Who is shown when `max` faces fit. */
export function row(snapshot: RoomSnapshot, max: number): Row {
  const faces = order(snapshot).slice(0, max);
  return { faces, rest: Math.max(0, snapshot.count - faces.length) };
}

const BIDI = /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc]/;

/** A name that is written from right to left, or pretends to be, does not turn the words around it. */
export function plainName({ name, id }: { readonly name: string; readonly id: string }): string {
  const plain = name || id;
  return BIDI.test(plain) ? `\u2068${plain.replace(/[\u202a-\u202e\u2066-\u2069]/g, "")}\u2069` : plain;
}

/** "Brave Fox (you), idle". */
export function describe(member: Member, self: boolean): string {
  const name = plainName(member);
  const status = member.status === "idle" ? texts.idle : member.status === "away" ? texts.away : "";
  return (self ? texts.you(name) : name) + (status && `, ${status}`);
}
