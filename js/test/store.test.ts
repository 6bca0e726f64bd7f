import assert from "node:assert/strict";
import { test } from "node:test";
import { Store } from "../src/core/everything.js";
import { ChannelStub, change, member, settled, snapshot } from "./stub.js";

test("a snapshot is the same object until something changes, and frozen", async () => {
  const channel = new ChannelStub();
  const room = new Store(channel).room("/p");
  await channel.connect();
  await channel.answer("room:enter", snapshot(1, [member("a")]));
  const before = room.getSnapshot();
  let calls = 0;
  const off = room.subscribe(() => calls++);
  assert.equal(room.getSnapshot(), before);
  assert.ok(Object.isFrozen(before) && Object.isFrozen(before.members));
  channel.receive("room:changed", change(1, { enter: [member("b")] })); // old: nothing happens
  assert.equal(room.getSnapshot(), before);
  assert.equal(calls, 0);
  channel.receive("room:changed", change(2, { enter: [member("b")] }));
  assert.notEqual(room.getSnapshot(), before);
  assert.equal(calls, 1);
  off();
  channel.receive("room:changed", change(3, {}));
  assert.equal(calls, 1);
});

test("a listener that throws does not keep the others from hearing", async (context) => {
  const errors: unknown[] = [];
  context.mock.method(globalThis, "queueMicrotask", (task: () => void) => {
    try {
      task();
    } catch (error) {
      errors.push(error);
    }
  });
  const channel = new ChannelStub();
  const room = new Store(channel).room("/p");
  let heard = false;
  room.subscribe(() => {
    throw new Error("mine");
  });
  room.subscribe(() => (heard = true));
  channel.disconnect();
  assert.ok(heard);
  assert.equal(String(errors[0]), "Error: mine");
});

test("identify makes somebody else of us, and asks again for what was refused", async () => {
  const channel = new ChannelStub();
  const store = new Store(channel);
  const open = store.room("/p");
  const secret = store.room("/secret");
  await channel.connect();
  const [first, second] = channel.sent.splice(0);
  first?.reply?.(null, { ok: true, ...snapshot(1, [member("me"), member("ann")]) });
  second?.reply?.(null, { ok: false, error: { code: "forbidden", message: "no" } });
  assert.equal(store.getSnapshot().selfId, "me");
  const done = store.identify("token");
  await channel.answer("user:identify", { self: member("ann") });
  await done;
  assert.equal(store.getSnapshot().selfId, "ann");
  assert.equal(open.getSnapshot().self?.id, "ann");
  await settled();
  assert.deepEqual(channel.sent.map(({ argument }) => argument.room), ["/secret"]);
  assert.equal(secret.name, "/secret");
});

test("a refused identify rejects with the code", async () => {
  const channel = new ChannelStub();
  const store = new Store(channel);
  await channel.connect();
  const done = store.identify("forged");
  channel.sent.pop()?.reply?.(null, { ok: false, error: { code: "unauthenticated", message: "fetch a new token" } });
  await assert.rejects(done, { code: "unauthenticated", message: "fetch a new token" });
});

test("the status is sent when it changes, and again to a new connection", async () => {
  const channel = new ChannelStub();
  const store = new Store(channel);
  store.page.status("idle");
  assert.equal(channel.names(), "");
  await channel.connect();
  assert.deepEqual(channel.sent.pop()?.argument, { status: "idle" });
  store.setStatus("invisible");
  store.page.status("active"); // hidden behind the choice
  assert.deepEqual(channel.sent.splice(0).map(({ argument }) => argument.status), ["invisible"]);
  store.setStatus(null);
  assert.deepEqual(channel.sent.splice(0).map(({ argument }) => argument.status), ["active"]);
});

test("a ranking is asked once however many hold it, follows the facts, and comes back after a reconnect", async () => {
  const channel = new ChannelStub();
  const store = new Store(channel);
  await channel.connect();
  const first = store.ranking({ prefix: "/posts/", limit: 3 });
  const second = store.ranking({ prefix: "/posts/", limit: 3 });
  await channel.answer("ranking:watch", { rooms: [{ room: "/posts/1", count: 2 }] });
  assert.deepEqual(second.getSnapshot(), [{ room: "/posts/1", count: 2 }]);
  channel.receive("ranking:changed", { prefix: "/posts/", limit: 3, rooms: [] });
  channel.receive("ranking:changed", { prefix: "/other/", limit: 3, rooms: [{ room: "/other/1", count: 1 }] });
  assert.deepEqual(first.getSnapshot(), []);
  channel.disconnect();
  await channel.connect();
  assert.equal(channel.names(), "ranking:watch");
  channel.sent = [];
  first.leave();
  first.leave();
  assert.equal(channel.names(), "");
  second.leave();
  assert.deepEqual(channel.sent, [{ event: "ranking:unwatch", argument: { prefix: "/posts/", limit: 3 } }]);
});

test("room names are normalized as the server does", async () => {
  const channel = new ChannelStub();
  const store = new Store(channel);
  store.room("/cafe\u0301");
  store.room("/caf\u00e9");
  await channel.connect();
  assert.deepEqual(channel.sent.map(({ argument }) => argument.room), ["/caf\u00e9"]);
});
