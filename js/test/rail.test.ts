import assert from "node:assert/strict";
import { test } from "node:test";
import { eldest, groups, progress, readers, type Reader } from "../src/elements/rail.js";
import { member } from "./stub.js";

const reader = (id: string, at: number, since = 0): Reader => ({ member: member(id, { since, state: { position: at } }), at });
const crowd = (n: number, where: (index: number) => number): Reader[] => Array.from({ length: n }, (_, i) => reader(`r${i}`, where(i)));

test("0 until the head reaches the edge, 100 when the end is in sight, and evenly between", () => {
  assert.equal(progress(300, 2000, 1000), 0);
  assert.equal(progress(0, 2000, 1000), 0);
  assert.equal(progress(-500, 2000, 1000), 50);
  assert.equal(progress(-1000, 2000, 1000), 100);
  assert.equal(progress(-1500, 2000, 1000), 100);
});

test("an article that fits into the window is read when all of it is in sight", () => {
  assert.equal(progress(100, 500, 800), 100);
  assert.equal(progress(400, 500, 800), 0);
  assert.equal(progress(0, 800, 800), 100);
});

test("who says no place, or nonsense, is not drawn; who says too much is at the end", () => {
  const said = [5, 250, -3, "40", null, true, NaN].map((position, n) => member(`m${n}`, { state: { position } }));
  assert.deepEqual(readers([...said, member("silent")]).map(({ at }) => at), [5, 100, 0]);
});

test("readers who are apart stand where they are", () => {
  assert.deepEqual(groups([reader("b", 60), reader("a", 10.5)], 5).map(({ at }) => at), [10.5, 60]);
});

test("readers who would cover each other are one group in their middle", () => {
  const [group, ...none] = groups([reader("a", 40), reader("b", 41), reader("c", 45)], 5);
  assert.deepEqual([group?.at, group?.readers.length, none.length], [42, 3, 0]);
});

for (const [name, where] of [
  ["evenly spread", (i: number) => i / 2],
  ["all at the head", () => 0],
  ["in heaps", (i: number) => (i % 4) * 30 + (i % 7)],
  ["at random", (i: number) => (i * 7919) % 101],
] as const) {
  test(`two hundred readers ${name}: nobody is lost, and no two groups touch`, () => {
    const found = groups(crowd(200, where), 5);
    assert.equal(found.reduce((sum, { readers: { length } }) => sum + length, 0), 200);
    for (const [index, { at }] of found.entries()) assert.ok(at >= 0 && at <= 100 && (!index || at - (found[index - 1]?.at ?? 0) >= 5));
  });
}

test("an even crowd does not become one heap", () => assert.ok(groups(crowd(200, (i) => i / 2), 5).length >= 10));

test("a group is drawn as whoever has been here longest, so that it stays the same group", () => {
  const group = groups([reader("new", 41, 9), reader("old", 40, 1), reader("other", 42, 1)], 5)[0];
  assert.equal(group && eldest(group).id, "old");
});
