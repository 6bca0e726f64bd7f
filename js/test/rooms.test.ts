import assert from "node:assert/strict";
import { test } from "node:test";
import { Store } from "../src/core/everything.js";
import { ChannelStub, change, member, settled, snapshot } from "./stub.js";

const names = (members: readonly { id: string }[]): string => members.map(({ id }) => id).join(" ");

async function entered(): Promise<{ channel: ChannelStub; store: Store; room: ReturnType<Store["room"]> }> {
  const channel = new ChannelStub();
  const store = new Store(channel);
  const room = store.room("/p");
  await channel.connect();
  await channel.answer("room:enter", snapshot(1, [member("me"), member("a")]));
  return { channel, store, room };
}

test("a room is entered once connected, with the state published before", async () => {
  const channel = new ChannelStub();
  const store = new Store(channel);
  const room = store.room("/p", { state: { at: 1 } });
  room.update({ typing: true });
  assert.equal(channel.names(), "");
  assert.equal(room.getSnapshot().status, "waiting");
  await channel.connect();
  assert.deepEqual(channel.sent[0]?.argument, { room: "/p", watch: "full", state: { at: 1, typing: true } });
  await channel.answer("room:enter", snapshot(1, [member("me"), member("a")]));
  assert.equal(room.getSnapshot().status, "live");
  assert.equal(names(room.getSnapshot().others), "a");
  assert.equal(room.getSnapshot().self?.id, "me");
});

test("two holds are one membership; the last one leaves", async () => {
  const { channel, store, room } = await entered();
  const second = store.room("/p");
  await settled();
  assert.equal(channel.names(), "");
  room.leave();
  room.leave();
  await settled();
  assert.equal(channel.names(), "");
  second.leave();
  await settled();
  assert.deepEqual(channel.sent, [{ event: "room:leave", argument: { room: "/p" } }]);
});

test("a hold that is let go and taken again at once sends nothing", async () => {
  const { channel, store, room } = await entered();
  room.leave();
  const again = store.room("/p");
  await settled();
  assert.equal(channel.names(), "");
  assert.equal(names(again.getSnapshot().members), "me a");
});

test("the most that any hold wants to see is asked for, and given back", async () => {
  const channel = new ChannelStub();
  const store = new Store(channel);
  const count = store.online({ watch: "count" });
  await channel.connect();
  assert.deepEqual(channel.sent[0]?.argument, { rooms: ["@online"], watch: "count" });
  await channel.answer("room:watch", { rooms: [snapshot(1, [], { room: "@online", mode: "count", count: 4 })] });
  assert.equal(count.getSnapshot().count, 4);
  const list = store.online();
  await settled();
  assert.deepEqual(channel.sent[0]?.argument, { rooms: ["@online"], watch: "full" });
  await channel.answer("room:watch", { rooms: [snapshot(2, [member("a")], { room: "@online" })] });
  list.leave();
  await settled();
  assert.deepEqual(channel.sent[0]?.argument, { rooms: ["@online"], watch: "count" });
});

test("rooms that are only watched are asked for together, and left by unwatch", async () => {
  const channel = new ChannelStub();
  const store = new Store(channel);
  const rooms = ["/1", "/2", "/3"].map((name) => store.watch(name, { watch: "count" }));
  await channel.connect();
  assert.deepEqual(channel.sent.map(({ argument }) => argument), [{ rooms: ["/1", "/2", "/3"], watch: "count" }]);
  channel.sent = [];
  for (const room of rooms) room.leave();
  await settled();
  assert.deepEqual(channel.sent, [{ event: "room:unwatch", argument: { rooms: ["/1", "/2", "/3"] } }]);
});

test("who only looks on after leaving, leaves and watches", async () => {
  const { channel, store, room } = await entered();
  store.watch("/p", { watch: "count" });
  room.leave();
  await settled();
  assert.equal(channel.names(), "room:leave room:watch");
});

test("everybody is in @online: it is never entered", async () => {
  const channel = new ChannelStub();
  new Store(channel).room("@online");
  await channel.connect();
  assert.equal(channel.names(), "room:watch");
});

test("changes that overtake the snapshot are applied after it", async () => {
  const channel = new ChannelStub();
  const room = new Store(channel).room("/p");
  await channel.connect();
  channel.receive("room:changed", change(2, { enter: [member("early")], count: 2 }));
  channel.receive("room:changed", change(3, { enter: [member("b")], count: 3 }));
  await channel.answer("room:enter", snapshot(2, [member("me"), member("early")]));
  assert.equal(names(room.getSnapshot().members), "me early b");
  assert.equal(channel.names(), "");
});

test("a gap asks again from the last position; the list stands meanwhile", async () => {
  const { channel, room } = await entered();
  channel.receive("room:changed", change(4, { enter: [member("c")] }));
  await settled();
  assert.deepEqual(channel.sent[0]?.argument, { room: "/p", watch: "full", state: {}, since: ["e", 1] });
  assert.equal(names(room.getSnapshot().members), "me a");
  channel.receive("room:changed", change(5, { enter: [member("d")], count: 5 }));
  const changes = [change(2, { enter: [member("b")] }), change(4, { prev: 2, enter: [member("c")] })];
  await channel.answer("room:enter", { ...snapshot(4, []), members: undefined, recovered: true, changes });
  assert.equal(names(room.getSnapshot().members), "me a b c d");
  assert.equal(channel.names(), "");
});

test("resuming that leads nowhere ends in a whole snapshot", async () => {
  const { channel, room } = await entered();
  channel.receive("room:changed", change(4));
  await settled();
  await channel.answer("room:enter", { ...snapshot(4, []), members: undefined, recovered: true, changes: [change(4, { prev: 3 })] });
  assert.equal(channel.sent[0]?.argument.since, undefined);
  await channel.answer("room:enter", snapshot(9, [member("z")]));
  assert.equal(names(room.getSnapshot().members), "z");
});

test("a lost connection leaves the list stale; reconnecting resumes it", async () => {
  const { channel, room } = await entered();
  const synced: string[] = [];
  room.on("sync", ({ members }) => synced.push(names(members)));
  channel.disconnect();
  assert.equal(room.getSnapshot().status, "stale");
  assert.equal(names(room.getSnapshot().members), "me a");
  await channel.connect();
  assert.deepEqual(channel.sent[0]?.argument.since, ["e", 1]);
  await channel.answer("room:enter", snapshot(1, [member("me")], { epoch: "restarted" }));
  assert.equal(room.getSnapshot().status, "live");
  assert.deepEqual(synced, ["me"]);
});

test("an answer to a question of the last connection is ignored", async () => {
  const channel = new ChannelStub();
  const room = new Store(channel).room("/p");
  await channel.connect();
  const late = channel.sent[0]?.reply;
  channel.disconnect();
  channel.sent = [];
  await channel.connect();
  late?.(null, { ok: true, ...snapshot(1, [member("ghost")]) });
  assert.equal(room.getSnapshot().members.length, 0);
  await channel.answer("room:enter", snapshot(1, [member("me")]));
  assert.equal(names(room.getSnapshot().members), "me");
});

test("leaving the page leaves every room at once, and coming back enters again", async () => {
  const { channel, store, room } = await entered();
  store.room("/q");
  store.watch("/r");
  await settled();
  channel.sent = [];
  store.page.hide();
  assert.deepEqual(channel.sent.map(({ event, argument }) => [event, argument.room]), [["room:leave", "/p"], ["room:leave", "/q"]]);
  channel.sent = [];
  room.update({ at: 1 });
  await settled();
  assert.equal(channel.names(), "");
  store.page.show();
  await settled();
  assert.deepEqual(channel.sent.map(({ event }) => event).sort(), ["room:enter", "room:enter", "room:watch"]);
});

test("no answer, or an answer that says when, is asked again", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const channel = new ChannelStub();
  const room = new Store(channel).room("/p", { watch: "none" });
  await channel.connect();
  channel.sent.pop()?.reply?.(new Error("timeout"), undefined);
  context.mock.timers.tick(1_000);
  await settled();
  channel.sent.pop()?.reply?.(null, { ok: false, error: { code: "rate", message: "slow down", retry_after_ms: 50 } });
  assert.equal(room.getSnapshot().status, "waiting");
  context.mock.timers.tick(50);
  await settled();
  assert.equal(channel.names(), "room:enter");
});

test("a refusal is told once and stays until the next connection", async () => {
  const channel = new ChannelStub();
  const room = new Store(channel).room("/secret");
  const refused: string[] = [];
  room.on("refused", ({ code }) => refused.push(code));
  await channel.connect();
  channel.sent.pop()?.reply?.(null, { ok: false, error: { code: "forbidden", message: "not yours" } });
  assert.deepEqual([room.getSnapshot().status, room.getSnapshot().error?.code], ["refused", "forbidden"]);
  await settled();
  assert.equal(channel.names(), "");
  channel.disconnect();
  await channel.connect();
  assert.equal(channel.names(), "room:enter");
  assert.deepEqual(refused, ["forbidden"]);
});

test("enter, update and leave are events with the person; no longer sampled is not a departure", async () => {
  const { channel, room } = await entered();
  const told: string[] = [];
  room.on("enter", ({ name }) => told.push(`enter ${name}`));
  room.on("update", ({ name, status }) => told.push(`update ${name} ${status}`));
  room.on("leave", ({ name, reason }) => told.push(`leave ${name} ${reason}`));
  channel.receive("room:changed", change(2, { enter: [member("b")] }));
  channel.receive("room:changed", change(3, { update: [{ id: "b", status: "idle" }] }));
  channel.receive("room:changed", change(4, { leave: [{ id: "b", reason: "timeout" }, { id: "a" }] }));
  assert.deepEqual(told, ["enter B", "update B idle", "leave B timeout"]);
  room.leave();
  channel.receive("room:changed", change(5, { enter: [member("c")] }));
  assert.equal(told.length, 3);
});

test("updates go out at once, then at most every 100 ms, merged", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { channel, room } = await entered();
  room.update({ at: 1 });
  room.update({ at: 2 });
  room.update({ at: 3, typing: null });
  assert.deepEqual(channel.sent.map(({ argument }) => argument.state), [{ at: 1 }]);
  context.mock.timers.tick(100);
  assert.deepEqual(channel.sent.map(({ argument }) => argument.state), [{ at: 1 }, { at: 3, typing: null }]);
  context.mock.timers.tick(200);
  assert.equal(channel.sent.length, 2);
});

test("one refused room of several does not take the others with it", async () => {
  const channel = new ChannelStub();
  const store = new Store(channel);
  const open = store.watch("/open");
  const secret = store.watch("/secret");
  await channel.connect();
  const no = { ok: false, error: { code: "forbidden", message: "not yours" } };
  channel.sent.pop()?.reply?.(null, no);
  const [first, second] = channel.sent.splice(0);
  assert.deepEqual([first?.argument.rooms, second?.argument.rooms], [["/open"], ["/secret"]]);
  first?.reply?.(null, { ok: true, rooms: [snapshot(1, [member("a")], { room: "/open" })] });
  second?.reply?.(null, no);
  assert.deepEqual([open.getSnapshot().status, secret.getSnapshot().status], ["live", "refused"]);
});

test("oneself is known also where the sample leaves one out", async () => {
  const channel = new ChannelStub();
  const room = new Store(channel).room("/p");
  await channel.connect();
  await channel.answer("room:enter", snapshot(1, [member("a")], { mode: "sample", count: 900 }));
  const { self, others, members } = room.getSnapshot();
  assert.deepEqual([self?.id, names(others), names(members)], ["me", "a", "a"]);
});
