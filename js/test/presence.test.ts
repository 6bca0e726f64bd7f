import assert from "node:assert/strict";
import { test } from "node:test";
import { applyChange, applySnapshot, position, type Roster } from "../src/core/presence.js";
import type { Member, RoomChanged } from "../src/core/wire.js";
import { change, member, snapshot } from "./stub.js";

const ids = (roster: Roster): string[] => [...roster.members.keys()];
const after = (roster: Roster, next: RoomChanged): Roster => {
  const applied = applyChange(roster, next);
  assert.ok(typeof applied === "object", `not applied: ${String(applied)}`);
  return applied.roster;
};

test("a snapshot is taken whole", () => {
  const roster = applySnapshot(snapshot(3, [member("a"), member("b")], { count: 5 }));
  assert.deepEqual(ids(roster), ["a", "b"]);
  assert.equal(roster.count, 5);
  assert.deepEqual(position(roster), ["e", 3]);
});

test("a change is applied as leave, then enter, then update", () => {
  const roster = applySnapshot(snapshot(1, [member("a", { generation: 1 })]));
  const applied = applyChange(
    roster,
    change(2, {
      leave: [{ id: "a", reason: "left" }],
      enter: [member("a", { generation: 2 })],
      update: [{ id: "a", status: "idle", state: { at: 7 } }],
    }),
  );
  assert.ok(typeof applied === "object");
  const now = applied.roster.members.get("a");
  assert.deepEqual([now?.generation, now?.status, now?.state], [2, "idle", { at: 7 }]);
  assert.deepEqual(applied.diff.left.map(({ reason }) => reason), ["left"]);
  assert.equal(applied.diff.entered.length, 1);
});

test("a change applied twice changes nothing (P6)", () => {
  const roster = after(applySnapshot(snapshot(1, [])), change(2, { enter: [member("a")] }));
  assert.equal(applyChange(roster, change(2, { enter: [member("a")] })), "old");
});

test("a roster is never changed in place", () => {
  const before = applySnapshot(snapshot(1, [member("a")]));
  after(before, change(2, { update: [{ id: "a", status: "away" }], enter: [member("b")] }));
  assert.deepEqual(ids(before), ["a"]);
  assert.equal(before.members.get("a")?.status, "active");
});

test("a missing change or another epoch is a gap", () => {
  const roster = applySnapshot(snapshot(5, []));
  assert.equal(applyChange(roster, change(8)), "gap");
  assert.equal(applyChange(roster, change(6, { epoch: "other" })), "gap");
});

test("facts about somebody unknown are ignored", () => {
  const applied = applyChange(applySnapshot(snapshot(1, [])), change(2, { leave: [{ id: "x" }], update: [{ id: "y", status: "idle" }] }));
  assert.ok(typeof applied === "object");
  assert.deepEqual(applied.diff, { entered: [], updated: [], left: [] });
  assert.equal(applied.roster.members.size, 0);
});

test("enter of somebody known replaces them and is no second enter (P2)", () => {
  const applied = applyChange(applySnapshot(snapshot(1, [member("a")])), change(2, { enter: [member("a", { generation: 9 })] }));
  assert.ok(typeof applied === "object");
  assert.equal(applied.diff.entered.length, 0);
  assert.equal(applied.roster.members.get("a")?.generation, 9);
});

test("a room that grows too big becomes a sample in-band", () => {
  const roster = applySnapshot(snapshot(1, [member("a"), member("b")]));
  const applied = applyChange(roster, change(2, { mode: "sample", leave: [{ id: "a" }], count: 900 }));
  assert.ok(typeof applied === "object");
  assert.deepEqual(ids(applied.roster), ["b"]);
  assert.deepEqual([applied.roster.mode, applied.roster.count], ["sample", 900]);
  assert.equal(applied.diff.left[0]?.reason, undefined);
});

test("counts are absolute: no gap between them, and a late one does not disturb a full list", () => {
  const counting = applySnapshot(snapshot(1, [], { mode: "count" }));
  assert.equal(after(counting, change(40, { mode: "count", prev: 30, count: 7 })).count, 7);
  assert.equal(position(counting), null);
  assert.equal(applyChange(applySnapshot(snapshot(1, [])), change(9, { mode: "count" })), "old");
});

test("snapshot at s plus changes after s is the state, for every s (P5)", () => {
  let seed = 1;
  const random = (below: number): number => (seed = (seed * 48271) % 2147483647) % below;
  const truth = new Map<string, Member>();
  const states: Member[][] = [[]];
  const changes: RoomChanged[] = [];
  for (let seq = 1; seq <= 300; seq++) {
    const id = `u${random(12)}`;
    const known = truth.get(id);
    const fact: Partial<RoomChanged> = !known
      ? { enter: [member(id, { generation: seq })] }
      : random(2)
        ? { leave: [{ id, reason: "left" }] }
        : { update: [{ id, state: { n: seq } }] };
    if (fact.enter) truth.set(id, fact.enter[0] as Member);
    else if (fact.leave) truth.delete(id);
    else truth.set(id, { ...(known as Member), state: { n: seq } });
    changes.push(change(seq, { ...fact, count: truth.size }));
    states.push([...truth.values()]);
  }
  for (let start = 0; start <= 300; start++) {
    let roster = applySnapshot(snapshot(start, states[start] as Member[]));
    // Some of what came before is sent again: it must not matter.
    for (const next of changes.slice(Math.max(0, start - 3))) if (applyChange(roster, next) !== "old") roster = after(roster, next);
    const sorted = (list: Iterable<Member>): Member[] => [...list].sort((a, b) => (a.id < b.id ? -1 : 1));
    assert.deepEqual(sorted(roster.members.values()), sorted(truth.values()));
    assert.equal(roster.count, truth.size);
  }
});
