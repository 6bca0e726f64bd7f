import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { Inbox } from "../src/core/inbox.js";
import { Store } from "../src/core/everything.js";
import type { Notification } from "../src/core/wire.js";
import { ChannelStub, settled } from "./stub.js";

const kept = new Map<string, string>();
const storage = new Proxy({} as Record<string, unknown>, {
  get: (_, name) =>
    ({
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => kept.set(key, value),
      removeItem: (key: string) => kept.delete(key),
    })[name as string],
  ownKeys: () => [...kept.keys()],
  getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
});
Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true });

const item = (id: number, more: Partial<Notification> = {}): Notification => ({ id, category: "message", title: `No. ${id}`, created_at: id, ...more });
const unread = (total: number): object => ({ unread: { total, by_category: total ? { message: total } : {} } });
const page = (items: Notification[], total = items.length, more: object = {}): object => ({ user: "ann", items, ...unread(total), ...more });
const ids = (inbox: Inbox): number[] => inbox.getSnapshot().items.map(({ id }) => id);
const badge = (inbox: Inbox): number => inbox.getSnapshot().unread.total;
const marks = (channel: ChannelStub): object[] => channel.sent.filter(({ event }) => event === "inbox:mark").map(({ argument }) => argument);

beforeEach(() => kept.clear());

async function opened(items: Notification[] = [item(2), item(1)], more: object = {}): Promise<[ChannelStub, Inbox, Store]> {
  const channel = new ChannelStub();
  const store = new Store(channel);
  const inbox = store.inbox();
  await channel.connect();
  await channel.answer("inbox:list", page(items, items.length, more));
  return [channel, inbox, store];
}

test("it lists, newest first, and goes on where it stopped", async () => {
  const [channel, inbox] = await opened([item(4), item(3)], { next: 3 });
  assert.deepEqual([ids(inbox), inbox.getSnapshot().hasMore, inbox.getSnapshot().status, inbox.getSnapshot().user], [[4, 3], true, "live", "ann"]);
  inbox.more();
  inbox.more();
  assert.deepEqual(channel.sent.map(({ argument }) => argument), [{ state: "inbox", limit: 20, before: 3 }]);
  await channel.answer("inbox:list", page([item(2)]));
  assert.deepEqual([ids(inbox), inbox.getSnapshot().hasMore], [[4, 3, 2], false]);
  assert.equal(inbox.getSnapshot(), inbox.getSnapshot());
});

test("what arrives is acknowledged when it is there, and twice is once", async () => {
  const [channel, inbox] = await opened();
  const seen: unknown[] = [];
  inbox.on("arrived", ({ id }) => seen.push(id));
  const acknowledge = (): unknown => seen.push(ids(inbox).join());
  channel.receive("notification", item(3, { show: "toast" }), acknowledge);
  channel.receive("notification", item(3, { show: "toast" }), acknowledge);
  channel.receive("inbox:changed", unread(3));
  assert.deepEqual([seen, badge(inbox)], [[3, "3,2,1", "3,2,1"], 3]);
});

test("nobody looks: nothing is acknowledged, the page may do that itself", async () => {
  const [channel, inbox] = await opened();
  inbox.leave();
  channel.receive("notification", item(3), () => assert.fail());
});

test("a mark is seen at once, and taken back if it is refused", async () => {
  const [channel, inbox] = await opened();
  const refused: string[] = [];
  inbox.on("refused", ({ code }) => refused.push(code));
  inbox.mark({ ids: [2], as: "read" });
  assert.deepEqual([badge(inbox), inbox.getSnapshot().items[0]?.read_at !== undefined, inbox.getSnapshot().unsent], [1, true, 1]);
  await settled();
  channel.sent[0]?.reply?.(null, { ok: false, error: { code: "limit", message: "no" } });
  assert.deepEqual([badge(inbox), inbox.getSnapshot().items[0]?.read_at, inbox.getSnapshot().unsent, refused], [2, undefined, 0, ["limit"]]);
});

test("to mark what is gone meanwhile is no refusal", async () => {
  const [channel, inbox] = await opened();
  inbox.on("refused", () => assert.fail());
  inbox.mark({ ids: [2], as: "read" });
  await settled();
  channel.receive("notification:recalled", { ids: [2] });
  channel.sent[0]?.reply?.(null, { ok: false, error: { code: "not_found", message: "gone" } });
  assert.deepEqual([ids(inbox), inbox.getSnapshot().unsent], [[1], 0]);
});

test("a mark may be of a topic", async () => {
  const [channel, inbox] = await opened();
  inbox.mark({ all: true, topic: "/posts/1", as: "read" });
  await settled();
  assert.deepEqual(marks(channel), [{ as: "read", up_to: 2, topic: "/posts/1" }]);
});

test("a count that overtakes the answer to a mark is not subtracted from twice", async () => {
  const [channel, inbox] = await opened();
  const shown: number[] = [];
  inbox.subscribe(() => shown.push(badge(inbox)));
  inbox.mark({ ids: [2], as: "read" });
  await settled();
  channel.receive("inbox:changed", unread(1));
  await channel.answer("inbox:mark", { changed: 1, ...unread(1) });
  assert.deepEqual(new Set(shown), new Set([1]));
});

test("one by one in one go is one command; all is up to the newest that is known", async () => {
  const [channel, inbox] = await opened();
  inbox.mark({ ids: [1], as: "seen" });
  inbox.mark({ ids: [2], as: "seen" });
  await settled();
  assert.deepEqual(marks(channel), [{ as: "seen", ids: [1, 2] }]);
  await channel.answer("inbox:mark", { changed: 2, ...unread(2) });
  inbox.mark({ all: true, as: "read" });
  await settled();
  assert.deepEqual([marks(channel), badge(inbox)], [[{ as: "read", up_to: 2 }], 0]);
});

test("what is marked offline is sent after the reconnect, and what came meanwhile is loaded", async () => {
  const [channel, inbox] = await opened();
  channel.disconnect();
  inbox.mark({ ids: [1], as: "read" });
  inbox.mark({ ids: [2], as: "read" });
  await settled();
  assert.deepEqual([inbox.getSnapshot().status, badge(inbox), channel.sent, kept.size], ["stale", 0, [], 1]);
  await channel.connect();
  assert.deepEqual(marks(channel), []); // it may be somebody else's connection now
  await channel.answer("inbox:list", page([item(3), item(2), item(1)]));
  assert.deepEqual([ids(inbox), badge(inbox), marks(channel)], [[3, 2, 1], 1, [{ as: "read", ids: [1, 2] }]]);
  await channel.answer("inbox:mark", { changed: 2, ...unread(1) });
  assert.deepEqual([badge(inbox), inbox.getSnapshot().status, inbox.getSnapshot().unsent, kept.size], [1, "live", 0, 0]);
});

test("what the page before has not sent, the next one of the same user sends", async () => {
  kept.set("alsohere.inbox.ann.before", JSON.stringify([{ as: "read", ids: [1] }, { as: "nonsense", ids: [1] }, 7]));
  kept.set("alsohere.inbox.ann.broken", "{");
  kept.set("alsohere.inbox.ben.before", JSON.stringify([{ as: "read", ids: [9] }]));
  const [channel, inbox] = await opened();
  assert.deepEqual([marks(channel), badge(inbox)], [[{ as: "read", ids: [1] }], 1]);
  await channel.answer("inbox:mark", { changed: 1, ...unread(1) });
  assert.deepEqual([...kept.keys()], ["alsohere.inbox.ben.before"]);
});

test("what waits for another mark's answer is sent when the page goes, and kept until it is answered", async () => {
  const [channel, inbox, store] = await opened();
  inbox.mark({ all: true, as: "seen" });
  await settled();
  inbox.mark({ ids: [2], as: "read" });
  await settled();
  assert.deepEqual(marks(channel), [{ as: "seen", up_to: 2 }]);
  channel.sent = channel.sent.filter(({ event }) => event === "inbox:mark");
  store.page.hide();
  assert.deepEqual(marks(channel), [{ as: "seen", up_to: 2 }, { as: "read", ids: [2] }]);
  assert.equal(inbox.getSnapshot().unsent, 2);
  channel.disconnect();
  store.page.hide();
  assert.equal(marks(channel).length, 2);
});

test("somebody else's marks are not sent", async () => {
  const [channel, inbox] = await opened();
  channel.disconnect();
  inbox.mark({ ids: [1], as: "read" });
  await channel.connect();
  await channel.answer("inbox:list", { ...page([item(1)]), user: "ben" });
  assert.deepEqual([marks(channel), badge(inbox), ids(inbox), kept.size], [[], 1, [1], 1]);
});

test("a mark whose answer is lost is sent again", async () => {
  const [channel, inbox] = await opened();
  inbox.mark({ ids: [1], as: "archived" });
  await settled();
  channel.disconnect();
  channel.sent = [];
  await channel.connect();
  await channel.answer("inbox:list", page([item(2)]));
  assert.deepEqual([marks(channel), ids(inbox)], [[{ as: "archived", ids: [1] }], [2]]);
});

test("another tab marks, an edit keeps the marks, a recall takes away", async () => {
  const [channel, inbox] = await opened();
  channel.receive("inbox:marked", { as: "read", ids: [2], at: 77 });
  channel.receive("notification:changed", { notification: item(2, { title: "New", edited_at: 80 }) });
  const [first] = inbox.getSnapshot().items;
  assert.deepEqual([first?.title, first?.read_at], ["New", 77]);
  channel.receive("notification:recalled", { ids: [2] });
  channel.receive("notification", item(2));
  assert.deepEqual(ids(inbox), [1]);
});

test("an answer does not undo what was heard after the question", async () => {
  const channel = new ChannelStub();
  const inbox = new Store(channel).inbox();
  await channel.connect();
  channel.receive("notification", item(5));
  channel.receive("inbox:changed", unread(3));
  await channel.answer("inbox:list", page([item(2), item(1)], 2));
  assert.deepEqual([ids(inbox), badge(inbox)], [[5, 2, 1], 3]);
});

test("after a reconnect what is gone is gone", async () => {
  const [channel, inbox] = await opened();
  channel.disconnect();
  await channel.connect();
  await channel.answer("inbox:list", page([item(3), item(1)]));
  assert.deepEqual(ids(inbox), [3, 1]);
});

test("two looks share what is known", async () => {
  const [channel, inbox, store] = await opened();
  const archive = store.inbox({ state: "archived" });
  await channel.answer("inbox:list", page([], 2));
  inbox.mark({ ids: [2], as: "archived" });
  assert.deepEqual([ids(inbox), ids(archive), badge(archive)], [[1], [2], 1]);
});

test("two of the same ask once, and each goes by itself", async () => {
  const [channel, inbox, store] = await opened();
  const other = store.inbox();
  const told: string[] = [];
  inbox.subscribe(() => told.push("first"));
  other.subscribe(() => told.push("second"));
  assert.deepEqual([ids(other), channel.names()], [[2, 1], ""]);
  inbox.leave();
  inbox.leave();
  channel.receive("notification", item(3));
  assert.deepEqual([told, ids(other)], [["second"], [3, 2, 1]]);
});

test("a visitor has no inbox until they log in", async () => {
  const channel = new ChannelStub();
  const store = new Store(channel);
  const inbox = store.inbox();
  await channel.connect();
  channel.sent.pop()?.reply?.(null, { ok: false, error: { code: "forbidden", message: "log in" } });
  assert.deepEqual([inbox.getSnapshot().status, inbox.getSnapshot().error?.code], ["refused", "forbidden"]);
  const done = store.identify("token");
  await channel.answer("user:identify", { self: { id: "ann" } });
  await done;
  await channel.answer("inbox:list", page([item(1)]));
  assert.deepEqual([inbox.getSnapshot().status, ids(inbox)], ["live", [1]]);
});

const wishes = (categories: string[], topics: string[] = [], quiet: object | null = null): object => ({ muted: { categories, topics }, quiet });
const no = { ok: false, error: { code: "limit", message: "no" } };

async function asked(): Promise<[ChannelStub, Inbox]> {
  const [channel, inbox] = await opened();
  void inbox.preferences();
  await channel.answer("inbox:preferences", wishes(["system"]));
  return [channel, inbox];
}

test("what one does not want to hear of is known when it was asked for, and stays right", async () => {
  const [channel, inbox] = await opened();
  assert.equal(inbox.getSnapshot().preferences, null);
  const first = inbox.preferences();
  await channel.answer("inbox:preferences", wishes(["system"]));
  assert.deepEqual([await first, inbox.getSnapshot().preferences], [wishes(["system"]), wishes(["system"])]);
  let told = 0;
  inbox.subscribe(() => told++);
  channel.receive("preferences:changed", wishes([], ["/p"])); // by another tab
  assert.deepEqual([inbox.getSnapshot().preferences, told], [wishes([], ["/p"]), 1]);
  channel.disconnect();
  await channel.connect();
  assert.deepEqual(channel.sent.filter(({ event }) => event === "inbox:preferences").map(({ argument }) => argument), [{}]);
  channel.sent.find(({ event }) => event === "inbox:preferences")?.reply?.(null, { ok: true, ...wishes(["message"]) });
  assert.deepEqual(inbox.getSnapshot().preferences, wishes(["message"]));
});

test("a mute is seen at once, and taken back if it is refused", async () => {
  const [channel, inbox] = await asked();
  const quiet = { from: "22:00", to: "07:00", tz: "Europe/Prague" };
  const first = inbox.preferences({ mute: { categories: ["message"], topics: ["/p"] }, quiet });
  const second = inbox.preferences({ unmute: { categories: ["system"] } });
  assert.deepEqual(inbox.getSnapshot().preferences, wishes(["message"], ["/p"], quiet));
  const [one, two] = channel.sent;
  one?.reply?.(null, no);
  await assert.rejects(first, { code: "limit" });
  assert.deepEqual(inbox.getSnapshot().preferences, wishes([]));
  two?.reply?.(null, { ok: true, ...wishes(["reminder"]) }); // another tab was here too
  channel.receive("preferences:changed", wishes(["message"])); // in the same breath
  await second;
  assert.deepEqual(inbox.getSnapshot().preferences, wishes(["message"]));
});

test("without a connection nothing is muted, and what was on its way is taken back", async () => {
  const [channel, inbox] = await asked();
  const late = inbox.preferences({ mute: { topics: ["/p"] } });
  channel.disconnect();
  channel.sent[0]?.reply?.(new Error("socket has been disconnected"), undefined);
  await assert.rejects(late);
  channel.sent = [];
  await assert.rejects(inbox.preferences({ quiet: null }), { code: "offline" });
  assert.deepEqual([channel.sent, inbox.getSnapshot().preferences], [[], wishes(["system"])]);
});

test("somebody else's wishes are not shown to a visitor", async () => {
  const [channel, inbox] = await asked();
  channel.disconnect();
  await channel.connect();
  for (const { reply } of channel.sent) reply?.(null, { ok: false, error: { code: "forbidden", message: "log in" } });
  await settled();
  assert.deepEqual([inbox.getSnapshot().status, inbox.getSnapshot().preferences], ["refused", null]);
});

test("a topic is marked as one, and nothing else", async () => {
  const [channel, inbox] = await opened([item(3, { topic: "/p" }), item(2, { topic: "/q" }), item(1, { topic: "/p" })], { unread: { total: 9, by_category: { message: 9 } } });
  inbox.mark({ upTo: 3, topic: "/p", category: "message", as: "read" });
  await settled();
  assert.deepEqual([marks(channel), badge(inbox)], [[{ as: "read", up_to: 3, category: "message", topic: "/p" }], 7]);
  assert.deepEqual(inbox.getSnapshot().items.map(({ read_at }) => read_at !== undefined), [true, false, true]);
});

test("following, wishes, messages and their receipts", async () => {
  const [channel, inbox] = await opened();
  const sent = inbox.send({ to: "ben", title: "Hello" });
  await channel.answer("message:send", { id: 9, results: {} });
  assert.equal((await sent).id, 9);
  const wishes = inbox.preferences({ mute: { topics: ["/p"] } });
  assert.deepEqual(channel.sent.map(({ argument }) => argument), [{ mute: { topics: ["/p"] } }]);
  await channel.answer("inbox:preferences", { muted: { categories: [], topics: ["/p"] }, quiet: null });
  assert.deepEqual(await wishes, { muted: { categories: [], topics: ["/p"] }, quiet: null });
  const followed = inbox.follow("/p");
  channel.sent[0]?.reply?.(null, { ok: false, error: { code: "forbidden", message: "no" } });
  await assert.rejects(followed, { code: "forbidden" });
  const receipts: number[] = [];
  inbox.on("receipt", ({ id }) => receipts.push(id));
  channel.receive("message:receipt", { id: 9, user: "ben", read_at: 5 });
  assert.deepEqual(receipts, [9]);
});
