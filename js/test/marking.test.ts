import assert from "node:assert/strict";
import { test } from "node:test";
import { enqueue, isListed, marked, remaining } from "../src/core/marking.js";
import type { Marking, Notification } from "../src/core/wire.js";

const item = (id: number, more: Partial<Notification> = {}): Notification => ({ id, category: "message", created_at: id, ...more });
const queued = (...markings: Marking[]): Marking[] => markings.reduce<Marking[]>((queue, marking) => enqueue(queue, marking), []);

test("what is read was seen and delivered, and the first time counts", () => {
  assert.deepEqual(marked(item(1), { as: "read", ids: [1] }, 5), item(1, { delivered_at: 5, seen_at: 5, read_at: 5 }));
  assert.deepEqual(marked(item(1, { delivered_at: 2, seen_at: 3, read_at: 4 }), { as: "read", ids: [1] }, 5).read_at, 4);
  assert.deepEqual(marked(item(1, { delivered_at: 2 }), { as: "archived", ids: [1] }, 5), item(1, { delivered_at: 2, seen_at: 5, archived_at: 5 }));
});

test("unread takes out of the archive", () => {
  assert.deepEqual(marked(item(1, { seen_at: 3, read_at: 4, archived_at: 5 }), { as: "unread", ids: [1] }, 9), item(1, { seen_at: 3 }));
});

test("all, up to one, and of a category, leave the archive as it is", () => {
  const archived = item(1, { archived_at: 1 });
  assert.equal(marked(archived, { as: "read", all: true }, 9), archived);
  assert.equal(marked(item(3), { as: "read", up_to: 2 }, 9).read_at, undefined);
  assert.equal(marked(item(2), { as: "read", up_to: 2 }, 9).read_at, 9);
  assert.equal(marked(item(2), { as: "read", all: true, category: "system" }, 9).read_at, undefined);
});

test("the line of a digest is marked by its topic", () => {
  const marking: Marking = { as: "read", all: true, topic: "/posts/1" };
  const items = [item(3, { topic: "/posts/1" }), item(2, { topic: "/posts/2" }), item(1)];
  assert.deepEqual(items.map((one) => marked(one, marking, 9).read_at), [9, undefined, undefined]);
  const unread = { total: 7, by_category: { message: 7 } }; // how many of those that are not loaded are of the topic is not known
  assert.deepEqual(remaining(unread, items, [marking]), { total: 6, by_category: { message: 6 } });
  const other: Marking = { as: "read", up_to: 3 };
  assert.deepEqual(queued({ ...other, topic: "/posts/1" }, other), [{ ...other, topic: "/posts/1" }, other]);
});

test("what is listed where", () => {
  const states = (one: Notification): string =>
    (["inbox", "unread", "unseen", "read", "archived", "all"] as const).filter((state) => isListed(one, { state, category: null, topic: null })).join(" ");
  assert.equal(states(item(1)), "inbox unread unseen all");
  assert.equal(states(item(1, { seen_at: 1 })), "inbox unread all");
  assert.equal(states(item(1, { seen_at: 1, read_at: 1 })), "inbox read all");
  assert.equal(states(item(1, { seen_at: 1, archived_at: 1 })), "archived all");
});

test("marks of one kind are sent as one, five hundred at a time", () => {
  assert.deepEqual(queued({ as: "read", ids: [1] }, { as: "read", ids: [2, 1] }), [{ as: "read", ids: [1, 2] }]);
  assert.deepEqual(queued({ as: "read", up_to: 3 }, { as: "read", up_to: 2 }), [{ as: "read", up_to: 3 }]);
  const ids = Array.from({ length: 1_201 }, (_, index) => index + 1);
  assert.deepEqual(queued({ as: "seen", ids }).map((marking) => marking.ids?.length), [500, 500, 201]);
});

test("marks of different kinds stay in order, and what is taken back is not sent", () => {
  const both: Marking[] = [{ as: "read", ids: [1] }, { as: "archived", ids: [1] }];
  assert.deepEqual(queued(...both), both);
  assert.deepEqual(queued(...both, { as: "unread", ids: [1] }), [{ as: "unread", ids: [1] }]);
  assert.deepEqual(enqueue([{ as: "read", ids: [1] }], { as: "read", ids: [2] }, 1), [{ as: "read", ids: [1] }, { as: "read", ids: [2] }]);
});

test("how much stays unread, of what is loaded and of what is not", () => {
  const unread = { total: 7, by_category: { message: 5, system: 2 } };
  const items = [item(9), item(8), item(7, { category: "system" }), item(6, { read_at: 1 })];
  assert.deepEqual(remaining(unread, items, [{ as: "read", ids: [9, 6, 1] }]), { total: 6, by_category: { message: 4, system: 2 } });
  assert.deepEqual(remaining(unread, items, [{ as: "unread", ids: [6] }]), { total: 8, by_category: { message: 6, system: 2 } });
  assert.deepEqual(remaining(unread, items, [{ as: "read", up_to: 8 }]), { total: 1, by_category: { message: 1 } });
  assert.deepEqual(remaining(unread, items, [{ as: "archived", all: true, category: "system" }]), { total: 5, by_category: { message: 5 } });
  assert.deepEqual(remaining(unread, items, [{ as: "seen", all: true }]), unread);
});
