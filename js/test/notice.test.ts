import assert from "node:assert/strict";
import { test } from "node:test";
import type { LockSnapshot } from "../src/core/lock.js";
import type { Person } from "../src/core/wire.js";
import { notice, secondsUntil } from "../src/elements/notice.js";

const ann: Person = { id: "ann", name: "Ann" };
const bob: Person = { id: "bob", name: "Bob" };
const NOW = 1_000_000;

const lock = (more: Partial<LockSnapshot>): LockSnapshot => ({
  lock: "/p",
  status: "free",
  stale: false,
  holder: null,
  elsewhere: false,
  queue: [],
  waiting: 0,
  position: null,
  fence: null,
  receipt: null,
  since: null,
  expiresAt: null,
  requestedBy: null,
  asked: false,
  handOverAt: null,
  releaseAt: null,
  loss: null,
  error: null,
  ...more,
});
const says = (more: Partial<LockSnapshot>): [string, string, string] => {
  const { text, detail, actions } = notice(lock(more), NOW);
  return [text, detail, actions.join(" ")];
};
const held = { status: "held-by-me", fence: 7, holder: ann } as const;
const theirs = { status: "held-by-other", holder: ann } as const;
const queued = { status: "queued", holder: ann, position: 1, waiting: 1 } as const;
const lost = (reason: NonNullable<LockSnapshot["loss"]>["reason"], by: Person | null = null, why = ""): Partial<LockSnapshot> => ({
  status: "lost",
  loss: { reason, by, why },
});

for (const [name, seen, words] of [
  ["nothing is known", { status: "waiting" }, ["", "Connecting…", ""]],
  ["nobody edits", {}, ["Nobody is editing this.", "", "edit"]],
  ["one edits", held, ["You are editing this.", "", "done"]],
  ["one edits and somebody waits", { ...held, queue: [bob], waiting: 1 }, ["You are editing this.", "Bob waits", "done"]],
  ["one edits and many wait", { ...held, queue: [bob, ann], waiting: 5 }, ["You are editing this.", "Bob and 4 more wait", "done"]],
  [
    "one is asked",
    { ...held, requestedBy: bob, handOverAt: NOW + 12_001 },
    ["Bob would like to edit this.", "Save now: it is handed over in 13 s", "hand"],
  ],
  ["somebody edits", theirs, ["Ann is editing this.", "", "ask wait"]],
  ["somebody edits and others wait", { ...theirs, waiting: 2 }, ["Ann is editing this.", "2 people wait", "ask wait"]],
  ["somebody edits and has been asked", { ...theirs, requestedBy: bob }, ["Ann is editing this.", "", "wait"]],
  ["one edits in another tab", { ...theirs, elsewhere: true }, ["You are editing this in another tab.", "", "here"]],
  ["one waits", queued, ["Ann is editing this. You are next.", "", "ask leave"]],
  ["one waits behind others", { ...queued, position: 3 }, ["Ann is editing this. You are number 3 in line.", "", "ask leave"]],
  [
    "one has asked",
    { ...queued, requestedBy: bob, asked: true, handOverAt: NOW + 20_000 },
    ["Ann has been asked to let you edit.", "Yours in 20 s at the latest", "leave"],
  ],
  ["somebody else has asked", { ...queued, requestedBy: bob }, ["Ann is editing this. You are next.", "Bob has asked for it", "leave"]],
  ["it moved", { ...lost("moved"), holder: ann, elsewhere: true }, ["You went on editing in another tab.", "?", "here seen"]],
  ["it was handed over", { ...lost("handed_over", bob), holder: bob }, ["It was handed over to Bob.", "?", "ask seen"]],
  ["it was idle", { ...lost("idle"), holder: bob }, ["You did nothing here for a while, and somebody waited. Bob is editing this.", "?", "ask seen"]],
  ["it was taken", { ...lost("taken", bob, "end of month"), holder: bob }, ["Bob took over: end of month", "?", "ask seen"]],
  ["it was revoked", lost("revoked", null, "maintenance"), ["An administrator ended your editing: maintenance", "?", "edit seen"]],
  ["it expired", lost("expired"), ["The connection was lost for too long.", "?", "edit seen"]],
  ["one may not", { error: { code: "forbidden", message: "no" } }, ["You may not edit this.", "", ""]],
  ["too many wait", { ...theirs, error: { code: "queue_full", message: "Too many wait." } }, ["Too many wait.", "", "ask wait"]],
  [
    "the database is away",
    { error: { code: "unavailable", message: "", retry_after_ms: 1 } },
    ["Editing does not work just now. Trying again…", "", "edit"],
  ],
  ["the connection is lost", { ...held, stale: true }, ["You are editing this.", "Reconnecting…", "done"]],
] as [string, Partial<LockSnapshot>, string[]][]) {
  test(`what is said when ${name}`, () => {
    const [text, detail, actions] = says(seen);
    const unsaved = words[1] === "?" ? "What you have not saved is still on this page" : words[1];
    assert.deepEqual([text, detail, actions], [words[0], unsaved, words[2]]);
  });
}

test("what is announced counts no seconds", () => {
  const at = (handOverAt: number): string => notice(lock({ ...queued, requestedBy: bob, asked: true, handOverAt }), NOW).text;
  assert.equal(at(NOW + 20_000), at(NOW + 3_000));
});

test("a name is text, and does not turn the words around it", () => {
  assert.equal(notice(lock({ ...theirs, holder: { id: "x", name: "evil\u202e" } }), NOW).text, "\u2068evil\u2069 is editing this.");
  assert.equal(notice(lock({ ...theirs, holder: { id: "u7", name: "" } }), NOW).text, "u7 is editing this.");
});

test("seconds are counted up, and not at all where a clock must be wrong", () => {
  assert.deepEqual([19_001, 1, 0, -5_000, 3_600_000].map((ms) => secondsUntil(NOW + ms, NOW)), [20, 1, 0, 0, null]);
  assert.equal(secondsUntil(null, NOW), null);
  assert.equal(notice(lock({ ...held, requestedBy: bob, handOverAt: NOW + 3_600_000 }), NOW).detail, "Save now");
});

test("a page that may not connect offers nothing", () => {
  const { text, actions } = notice(lock({ status: "waiting" }), NOW, true);
  assert.deepEqual([text, actions], ["Editing is not possible here: not connected.", []]);
});
