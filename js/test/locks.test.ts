import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { Lock } from "../src/core/locks.js";
import { Store } from "../src/core/everything.js";
import type { LockAnswer, LockChanged, Person } from "../src/core/wire.js";
import { ChannelStub, member, settled, snapshot } from "./stub.js";

const me: Person = { id: "me", name: "Me" };
const ann: Person = { id: "ann", name: "Ann" };
const bob: Person = { id: "bob", name: "Bob" };

const changed = (more: Partial<LockChanged> = {}): LockChanged => ({
  lock: "/p",
  holder: null,
  queue: [],
  waiting: 0,
  fence: null,
  since: null,
  ...more,
});
const held = (fence: number, more: Partial<LockAnswer> = {}): LockAnswer => ({
  lock: "/p",
  status: "held",
  holder: me,
  waiting: 0,
  fence,
  expires_at: 60_000,
  ...more,
});
const queued = (position: number, more: Partial<LockAnswer> = {}): LockAnswer => ({
  lock: "/p",
  status: "queued",
  holder: ann,
  waiting: position,
  position,
  ...more,
});

interface Scene {
  channel: ChannelStub;
  store: Store;
  lock: Lock;
  heard: string[];
  /** The room is watched, and nothing was said about the lock. */
  quiet: () => Promise<void>;
}

async function scene(context: TestContext, name = "/p"): Promise<Scene> {
  context.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000 });
  const channel = new ChannelStub();
  const store = new Store(channel);
  const lock = store.lock(name);
  const heard: string[] = [];
  lock.on("held", ({ fence }) => heard.push(`held ${fence}`));
  lock.on("lost", ({ reason, by }) => heard.push(`lost ${reason}${by ? ` to ${by.name}` : ""}`));
  lock.on("requested", ({ by }) => heard.push(`requested by ${by.name}`));
  lock.on("warned", ({ releaseAt }) => heard.push(`warned ${releaseAt}`));
  lock.on("refused", ({ code }) => heard.push(`refused ${code}`));
  await channel.connect();
  const quiet = async (): Promise<void> => {
    await channel.answer("room:watch", { self: member("me"), rooms: [snapshot(1, [], { room: "/p", mode: "count" })] });
    context.mock.timers.tick(200);
  };
  return { channel, store, lock, heard, quiet };
}

const status = ({ lock }: Scene): string => lock.getSnapshot().status;
const last = ({ channel }: Scene): unknown => {
  const { event, argument } = channel.sent.at(-1) ?? {};
  return [event, argument];
};

test("a lock that the server says nothing of is free, once it has had the time to", async (context) => {
  const here = await scene(context, "/p#price");
  assert.deepEqual(last(here), ["room:watch", { rooms: ["/p"], watch: "count" }]);
  assert.equal(status(here), "waiting");
  await here.quiet();
  assert.equal(status(here), "free");
});

test("a lock that somebody holds is never shown as free first", async (context) => {
  const here = await scene(context);
  const seen: string[] = [];
  here.lock.subscribe(() => seen.push(status(here)));
  await here.channel.answer("room:watch", { self: member("me"), rooms: [snapshot(1, [], { mode: "count" })] });
  here.channel.receive("lock:changed", changed({ holder: ann, fence: 3, since: 500 }));
  context.mock.timers.tick(1_000);
  assert.equal(status(here), "held-by-other");
  assert.ok(!seen.includes("free"));
  assert.deepEqual([here.lock.getSnapshot().holder, here.lock.getSnapshot().since], [ann, 500]);
});

test("acquire, and it is ours with a fence; release, and it is free at once", async (context) => {
  const here = await scene(context);
  await here.quiet();
  here.lock.acquire();
  await here.channel.answer("lock:acquire", held(7, { receipt: "signed" }));
  const { fence, receipt, expiresAt } = here.lock.getSnapshot();
  assert.deepEqual([status(here), fence, receipt, expiresAt], ["held-by-me", 7, "signed", 60_000]);
  here.lock.release();
  assert.deepEqual(last(here), ["lock:release", { lock: "/p", fence: 7 }]);
  assert.deepEqual([status(here), here.lock.getSnapshot().fence], ["free", null]);
  assert.deepEqual(here.heard, ["held 7"]);
});

test("a snapshot is the same object until something changes, and frozen", async (context) => {
  const { lock, channel } = await scene(context);
  const before = lock.getSnapshot();
  assert.equal(lock.getSnapshot(), before);
  assert.ok(Object.isFrozen(before));
  channel.receive("lock:changed", changed({ lock: "/other", holder: ann }));
  assert.equal(lock.getSnapshot(), before);
  channel.receive("lock:changed", changed({ holder: ann }));
  assert.notEqual(lock.getSnapshot(), before);
});

test("a place in the queue follows the facts, and becomes the lock", async (context) => {
  const here = await scene(context);
  await here.quiet();
  here.lock.acquire();
  await here.channel.answer("lock:acquire", queued(2));
  assert.deepEqual([status(here), here.lock.getSnapshot().position], ["queued", 2]);
  here.channel.receive("lock:changed", changed({ holder: ann, queue: [bob, me], waiting: 2 }));
  assert.equal(here.lock.getSnapshot().position, 2);
  here.channel.receive("lock:changed", changed({ holder: bob, queue: [me], waiting: 1 }));
  assert.equal(here.lock.getSnapshot().position, 1);
  here.channel.receive("lock:granted", { lock: "/p", fence: 9, expires_at: 1, reason: "released" });
  assert.deepEqual([status(here), here.lock.getSnapshot().position, here.heard], ["held-by-me", null, ["held 9"]]);
});

test("beyond the waiters that are named, the place is the last one that was told", async (context) => {
  const here = await scene(context);
  here.lock.acquire();
  await here.channel.answer("lock:acquire", queued(70));
  here.channel.receive("lock:changed", changed({ holder: ann, queue: [bob], waiting: 70 }));
  assert.deepEqual([status(here), here.lock.getSnapshot().position], ["queued", 70]);
});

test("without waiting, a lock that is held is refused, and not asked for again", async (context) => {
  const here = await scene(context);
  here.lock.acquire({ wait: false });
  assert.deepEqual(last(here), ["lock:acquire", { lock: "/p", wait: false }]);
  await here.channel.answer("lock:acquire", { lock: "/p", status: "refused", holder: ann, waiting: 0 });
  assert.equal(status(here), "held-by-other");
  here.channel.disconnect();
  here.channel.sent = [];
  await here.channel.connect();
  assert.equal(here.channel.names(), "room:watch");
});

test("who asks is told when it is theirs at the latest, and the holder who asks", async (context) => {
  const here = await scene(context);
  await here.quiet();
  here.lock.request();
  await here.channel.answer("lock:request", queued(1, { status: "asked", hand_over_at: 21_000 }));
  here.channel.receive("lock:changed", changed({ holder: ann, queue: [me], waiting: 1, request: { by: me, hand_over_at: 21_000 } }));
  const { requestedBy, handOverAt } = here.lock.getSnapshot();
  assert.deepEqual([status(here), requestedBy, handOverAt], ["queued", me, 21_000]);
  assert.ok(here.lock.getSnapshot().asked);
  here.channel.receive("lock:granted", { lock: "/p", fence: 9, expires_at: 1, reason: "handed_over" });
  assert.deepEqual([status(here), here.lock.getSnapshot().requestedBy], ["held-by-me", null]); // nobody is asked for their own
});

test("who moves the lock to another tab is still asked for it there", async (context) => {
  const here = await scene(context);
  await here.quiet();
  here.lock.acquire();
  here.channel.receive("lock:requested", { lock: "/p", by: bob, hand_over_at: 21_000 });
  await here.channel.answer("lock:acquire", held(8));
  assert.deepEqual(here.lock.getSnapshot().requestedBy, bob);
});

test("the holder who is asked hands over, and is told to whom", async (context) => {
  const here = await scene(context);
  here.lock.acquire();
  await here.channel.answer("lock:acquire", held(7));
  here.channel.receive("lock:requested", { lock: "/p", by: bob, hand_over_at: 21_000 });
  assert.deepEqual([here.lock.getSnapshot().requestedBy, here.lock.getSnapshot().handOverAt], [bob, 21_000]);
  here.lock.handOver();
  assert.deepEqual(last(here), ["lock:hand_over", { lock: "/p", fence: 7 }]);
  here.lock.handOver("ann");
  assert.deepEqual(last(here), ["lock:hand_over", { lock: "/p", to: "ann", fence: 7 }]);
  here.channel.receive("lock:lost", { lock: "/p", reason: "handed_over", by: bob });
  const { loss, holder, handOverAt } = here.lock.getSnapshot();
  assert.deepEqual([status(here), loss?.by, holder, handOverAt], ["lost", bob, bob, null]);
  assert.deepEqual(here.heard, ["held 7", "requested by Bob", "lost handed_over to Bob"]);
});

test("who asked and went away is not waited for", async (context) => {
  const here = await scene(context);
  here.lock.acquire();
  await here.channel.answer("lock:acquire", held(7));
  here.channel.receive("lock:requested", { lock: "/p", by: bob, hand_over_at: 21_000 });
  here.channel.receive("lock:changed", changed({ holder: me, fence: 7 }));
  assert.equal(here.lock.getSnapshot().handOverAt, null);
});

test("work is told at once, and then every 20 seconds while it goes on", async (context) => {
  const here = await scene(context);
  here.lock.touch(); // nothing is held
  here.lock.acquire();
  await here.channel.answer("lock:acquire", held(7));
  here.channel.sent = [];
  for (let second = 0; second < 55; second++) {
    here.lock.touch();
    context.mock.timers.tick(1_000);
  }
  assert.equal(here.channel.names(), "lock:touch lock:touch lock:touch");
  here.channel.sent = [];
  context.mock.timers.tick(20_000); // the last of it
  assert.deepEqual(last(here), ["lock:touch", { lock: "/p", fence: 7 }]);
  here.channel.sent = [];
  context.mock.timers.tick(600_000);
  assert.equal(here.channel.names(), "");
});

test("who is warned keeps the lock by working, at once", async (context) => {
  const here = await scene(context);
  here.lock.acquire();
  await here.channel.answer("lock:acquire", held(7));
  here.lock.touch();
  await here.channel.answer("lock:touch", held(7));
  here.channel.receive("lock:warned", { lock: "/p", release_at: 30_000 });
  assert.equal(here.lock.getSnapshot().releaseAt, 30_000);
  here.lock.touch();
  await here.channel.answer("lock:touch", held(7, { receipt: "fresh" }));
  assert.deepEqual([here.lock.getSnapshot().releaseAt, here.lock.getSnapshot().receipt], [null, "fresh"]);
  assert.deepEqual(here.heard, ["held 7", "warned 30000"]);
});

test("before saving one can ask whether it is still ours", async (context) => {
  const here = await scene(context);
  here.lock.acquire();
  await here.channel.answer("lock:acquire", held(7));
  const still = here.lock.confirm();
  await here.channel.answer("lock:touch", held(7, { receipt: "fresh" }));
  assert.equal((await still).receipt, "fresh");
  const gone = here.lock.confirm();
  here.channel.sent.pop()?.reply?.(null, { ok: false, error: { code: "not_holder", message: "" } });
  assert.equal((await gone).fence, null);
  assert.deepEqual(here.heard, ["held 7", "lost expired"]);
});

test("after a lost connection it is asked for again; with the old fence nothing has happened", async (context) => {
  const here = await scene(context);
  here.lock.acquire();
  await here.channel.answer("lock:acquire", held(7));
  here.channel.disconnect();
  assert.deepEqual([status(here), here.lock.getSnapshot().stale, here.lock.getSnapshot().fence], ["held-by-me", true, 7]);
  await here.channel.connect();
  const asked = here.channel.sent.find(({ event }) => event === "lock:acquire");
  assert.deepEqual(asked?.argument, { lock: "/p", wait: false });
  asked?.reply?.(null, { ok: true, ...held(7) });
  assert.deepEqual([status(here), here.lock.getSnapshot().stale, here.heard], ["held-by-me", false, ["held 7"]]);
});

test("with another fence somebody may have edited in between: lost, and held anew", async (context) => {
  const here = await scene(context);
  here.lock.acquire();
  await here.channel.answer("lock:acquire", held(7));
  here.channel.disconnect();
  await here.channel.connect();
  await here.channel.answer("lock:acquire", held(9));
  assert.deepEqual(here.heard, ["held 7", "lost expired", "held 9"]);
  assert.equal(here.lock.getSnapshot().loss, null);
});

test("what is somebody else's after a lost connection is lost, and not waited for", async (context) => {
  const here = await scene(context);
  here.lock.acquire();
  await here.channel.answer("lock:acquire", held(7));
  here.channel.disconnect();
  await here.channel.connect();
  await here.channel.answer("lock:acquire", { lock: "/p", status: "refused", holder: ann, waiting: 0 });
  assert.deepEqual([status(here), here.lock.getSnapshot().holder], ["lost", ann]);
  here.channel.disconnect();
  here.channel.sent = [];
  await here.channel.connect();
  assert.equal(here.channel.names(), "room:watch");
});

test("a place in the queue is asked for again, and waited for", async (context) => {
  const here = await scene(context);
  here.lock.request();
  await here.channel.answer("lock:request", queued(1, { status: "asked", hand_over_at: 21_000 }));
  here.channel.disconnect();
  await here.channel.connect();
  assert.deepEqual(here.channel.sent.find(({ event }) => event === "lock:acquire")?.argument, { lock: "/p", wait: true });
});

test("a lock that was let go while nobody could tell is free after the reconnect", async (context) => {
  const here = await scene(context);
  await here.quiet();
  here.channel.receive("lock:changed", changed({ holder: ann, fence: 3 }));
  here.channel.disconnect();
  assert.deepEqual([status(here), here.lock.getSnapshot().stale], ["held-by-other", true]);
  await here.channel.connect();
  await here.quiet();
  assert.deepEqual([status(here), here.lock.getSnapshot().stale], ["free", false]);
});

test("moved to another tab: lost until it is asked back, and never taken back by itself", async (context) => {
  const here = await scene(context);
  await here.quiet();
  here.lock.acquire();
  await here.channel.answer("lock:acquire", held(7));
  here.channel.receive("lock:lost", { lock: "/p", reason: "moved" });
  here.channel.receive("lock:changed", changed({ holder: me, fence: 8 }));
  const { loss, elsewhere, fence } = here.lock.getSnapshot();
  assert.deepEqual([status(here), loss?.reason, elsewhere, fence], ["lost", "moved", true, null]);
  here.channel.disconnect();
  here.channel.sent = [];
  await here.channel.connect();
  assert.equal(here.channel.names(), "room:watch");
  here.lock.acquire();
  await here.channel.answer("lock:acquire", held(9));
  assert.deepEqual([status(here), here.lock.getSnapshot().elsewhere], ["held-by-me", false]);
});

test("taken: by whom and why; released is: I have seen it", async (context) => {
  const here = await scene(context);
  here.lock.acquire();
  await here.channel.answer("lock:acquire", held(7));
  here.channel.receive("lock:lost", { lock: "/p", reason: "taken", by: ann, why: "end of the month" });
  assert.deepEqual(here.lock.getSnapshot().loss, { reason: "taken", by: ann, why: "end of the month" });
  here.channel.sent = [];
  here.lock.release();
  assert.deepEqual([status(here), here.channel.names()], ["held-by-other", ""]);
});

test("another tab of the same user gets the lock, or gives up the place: this one waits no more", async (context) => {
  for (const fact of [changed({ holder: me, fence: 9 }), changed({ holder: ann })]) {
    context.mock.timers.reset();
    const here = await scene(context);
    await here.quiet();
    here.lock.acquire();
    await here.channel.answer("lock:acquire", queued(1));
    here.channel.receive("lock:changed", fact);
    assert.deepEqual([status(here), here.lock.getSnapshot().position], ["held-by-other", null]);
    here.channel.disconnect();
    here.channel.sent = [];
    await here.channel.connect();
    assert.equal(here.channel.names(), "room:watch");
  }
});

test("what is granted when nobody wants it any more is given back", async (context) => {
  const here = await scene(context);
  here.lock.acquire();
  await here.channel.answer("lock:acquire", queued(1));
  here.lock.release();
  assert.deepEqual(last(here), ["lock:release", { lock: "/p" }]);
  here.channel.receive("lock:granted", { lock: "/p", fence: 9, expires_at: 1, reason: "released" });
  assert.deepEqual(last(here), ["lock:release", { lock: "/p", fence: 9 }]);
  assert.deepEqual([status(here), here.heard], ["held-by-other", []]);
});

test("an answer that comes after the release does not bring the lock back", async (context) => {
  const here = await scene(context);
  here.lock.acquire();
  const question = here.channel.sent.find(({ event }) => event === "lock:acquire");
  here.lock.release();
  assert.deepEqual(last(here), ["lock:release", { lock: "/p" }]);
  question?.reply?.(null, { ok: true, ...held(7) });
  assert.deepEqual([here.lock.getSnapshot().fence, here.heard], [null, []]);
});

test("a database that is away is asked again when the server says; a refusal is not", async (context) => {
  const here = await scene(context);
  here.lock.acquire();
  const refuse = (error: object): void => here.channel.sent.pop()?.reply?.(null, { ok: false, error });
  refuse({ code: "unavailable", message: "", retry_after_ms: 1_000 });
  assert.equal(here.lock.getSnapshot().error?.code, "unavailable");
  context.mock.timers.tick(1_000);
  assert.deepEqual(last(here), ["lock:acquire", { lock: "/p", wait: true }]);
  refuse({ code: "forbidden", message: "" });
  here.channel.sent = [];
  context.mock.timers.tick(60_000);
  assert.deepEqual([here.channel.names(), here.heard], ["", ["refused unavailable", "refused forbidden"]]);
});

test("a take that is refused keeps the place in the queue", async (context) => {
  const here = await scene(context);
  here.lock.acquire();
  await here.channel.answer("lock:acquire", queued(1));
  here.lock.take("hurry");
  assert.deepEqual(last(here), ["lock:take", { lock: "/p", why: "hurry" }]);
  here.channel.sent.pop()?.reply?.(null, { ok: false, error: { code: "forbidden", message: "" } });
  here.channel.receive("lock:granted", { lock: "/p", fence: 9, expires_at: 1, reason: "released" });
  assert.equal(status(here), "held-by-me");
});

test("the lock goes with the last hold, but not where it is taken again at once", async (context) => {
  const here = await scene(context);
  await here.quiet();
  here.lock.acquire();
  await here.channel.answer("lock:acquire", held(7));
  here.lock.leave();
  const second = here.store.lock("/p");
  await settled();
  assert.deepEqual([here.channel.names(), second.getSnapshot().fence], ["", 7]);
  second.leave();
  await settled();
  assert.equal(here.channel.names(), "lock:release room:unwatch");
  assert.equal(here.store.lock("/p").getSnapshot().status, "waiting");
});

test("who begins to look in a room that is watched already knows what was told before", async (context) => {
  const here = await scene(context);
  await here.quiet();
  here.channel.receive("lock:changed", changed({ lock: "/p#price", holder: ann }));
  assert.equal(here.store.lock("/p#price").getSnapshot().status, "held-by-other");
});

test("where the server's clock is known to be ahead, its times are given in ours", async (context) => {
  const here = await scene(context);
  await here.quiet();
  here.lock.acquire();
  await here.channel.answer("lock:acquire", held(7));
  here.channel.receive("lock:changed", changed({ holder: me, fence: 7, since: 61_200 }));
  here.channel.receive("lock:requested", { lock: "/p", by: bob, hand_over_at: 81_200 });
  assert.equal((here.lock.getSnapshot().handOverAt ?? 0) - Date.now(), 20_000);
});

test("who becomes somebody else asks for the lock again", async (context) => {
  const here = await scene(context);
  await here.quiet();
  here.lock.acquire();
  await here.channel.answer("lock:acquire", held(7));
  const done = here.store.identify("token");
  await here.channel.answer("user:identify", { self: member("ann") });
  await done;
  await here.channel.answer("lock:acquire", held(8, { holder: ann }));
  assert.deepEqual([status(here), here.heard.at(-1)], ["held-by-me", "held 8"]);
});
