import assert from "node:assert/strict";
import { test } from "node:test";
import type { RoomSnapshot } from "../src/core/copy.js";
import type { Member } from "../src/core/wire.js";
import { describe, hue, initials, order, row } from "../src/elements/people.js";
import { member } from "./stub.js";

const seen = (members: Member[], more: Partial<RoomSnapshot> = {}): RoomSnapshot => ({
  room: "/p",
  status: "live",
  mode: "full",
  count: members.length,
  members,
  others: members.filter(({ id }) => id !== "me"),
  self: members.find(({ id }) => id === "me") ?? null,
  error: null,
  ...more,
});

for (const [name, letters] of [
  ["Brave Fox", "BF"],
  ["ann", "A"],
  ["Jean-Luc van der Berg", "JB"],
  ["李小龙", "李"],
  ["Élodie Ñandú", "ÉÑ"],
  ["e\u0301lodie", "E\u0301"],
  ["(Bob) [admin]", "BA"],
  ["🦊 Fox", "🦊F"],
  ["<script>", "S"],
  ["???", "?"],
  ["", "?"],
] as const) {
  test(`the initials of ${JSON.stringify(name)} are ${letters}`, () => assert.equal(initials(name), letters));
}

test("a colour belongs to a person: always the same, spread over the wheel", () => {
  assert.equal(hue("~abc"), hue("~abc"));
  const hues = Array.from({ length: 360 }, (_, n) => hue(`user-${n}`));
  assert.ok(hues.every((degrees) => degrees >= 0 && degrees < 360));
  assert.ok(new Set(hues.map((degrees) => Math.floor(degrees / 30))).size === 12);
});

test("oneself comes first, then the newest", () => {
  const members = [member("a", { since: 1 }), member("b", { since: 3 }), member("me", { since: 2 })];
  assert.deepEqual(order(seen(members)).map(({ id }) => id), ["me", "b", "a"]);
});

test("what is not shown is counted: too many, not in the sample, invisible", () => {
  const members = ["me", "a", "b", "c"].map((id) => member(id));
  const { faces, rest } = row(seen(members, { count: 15 }), 3);
  assert.deepEqual([faces.length, rest], [3, 12]);
  assert.equal(row(seen(members), 8).rest, 0);
});

test("oneself is shown also where the sample leaves one out, but not while invisible", () => {
  const members = [member("a")];
  const me = member("me");
  assert.deepEqual(row(seen(members, { mode: "sample", count: 900, self: me }), 8).faces.map(({ id }) => id), ["me", "a"]);
  const invisible = member("me", { status: "invisible" });
  assert.deepEqual(row(seen(members, { count: 2, self: invisible }), 8), { faces: members, rest: 1 });
});

test("a description has the name, who it is, and what they are at", () => {
  assert.equal(describe(member("a", { name: "Brave Fox" }), false), "Brave Fox");
  assert.equal(describe(member("a", { name: "Brave Fox", status: "idle" }), true), "Brave Fox (you), idle");
});

test("a name that is written from right to left does not turn the words around it", () => {
  assert.equal(describe(member("a", { name: "דנה" }), true), "\u2068דנה\u2069 (you)");
  assert.equal(describe(member("a", { name: "evil\u202e" }), true), "\u2068evil\u2069 (you)");
});
