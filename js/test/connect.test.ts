import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, test } from "node:test";
import { Server, type Socket } from "socket.io";
import { type ConnectOptions, serverUrl } from "../src/core/connect.js";
import { connect, type Here } from "../src/core/everything.js";
import * as presence from "../src/presence.js";
import { member, snapshot } from "./stub.js";

/* A real socket.io server and the real client: what connect() adds is which address, which credentials, and when to stay away. */

let server: Server;
let url: string;
const stores: Here[] = [];

async function serve(path: string, accept: (socket: Socket) => void, admit: (auth: any) => Error | undefined | void = () => undefined): Promise<void> {
  const http = createServer();
  server = new Server(http, { path: `${path}socket.io/` });
  server.use((socket, next) => next(admit(socket.handshake.auth) ?? undefined));
  server.on("connection", accept);
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}${path}`;
}

function store(options: ConnectOptions): Here {
  const here = connect(url, { ...options, socket: { reconnectionDelay: 10, ...options.socket } });
  stores.push(here);
  return here;
}

function until(here: { subscribe(listener: () => void): () => void }, condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const check = (): void => void (condition() && (off(), resolve()));
    const off = here.subscribe(check);
    check();
  });
}

const refusal = (code: string): Error => Object.assign(new Error("fetch a new token"), { data: { code } });

afterEach(async () => {
  for (const here of stores.splice(0)) here.close();
  await server.close();
});

test("an address is where the server is mounted", () => {
  assert.equal(serverUrl("http://x.example"), "http://x.example/");
  assert.equal(serverUrl("https://x.example/here"), "https://x.example/here/");
  assert.equal(serverUrl("https://x.example/a/b/?q#h"), "https://x.example/a/b/");
  return serve("/", () => {});
});

for (const transports of [["websocket"], ["polling"]]) {
  test(`behind a mount path, as an anonymous visitor, over ${transports[0]}`, async () => {
    await serve(
      "/here/",
      (socket) => socket.on("room:enter", ({ room }, ack) => ack({ ok: true, ...snapshot(1, [member("me"), member("a")], { room }) })),
      ({ visitor }) => (/^[A-Za-z0-9_-]{8,64}$/.test(visitor) ? undefined : new Error("no visitor")),
    );
    const here = store({ socket: { transports } });
    const room = here.room("/p");
    await until(room, () => room.getSnapshot().status === "live");
    assert.equal(room.getSnapshot().count, 2);
    assert.equal(here.getSnapshot().status, "connected");
    assert.equal(here.getSnapshot().selfId, "me");
  });
}

test("a lost transport comes back, and the room with it", async () => {
  let connections = 0;
  await serve("/", (socket) => {
    connections++;
    socket.on("room:enter", ({ room }, ack) => ack({ ok: true, ...snapshot(1, [member(`try-${connections}`)], { room }) }));
  });
  const here = store({});
  const room = here.room("/p");
  await until(room, () => room.getSnapshot().status === "live");
  server.sockets.sockets.forEach((socket) => socket.conn.close());
  await until(room, () => room.getSnapshot().status === "stale");
  assert.equal(here.getSnapshot().status, "reconnecting");
  await until(room, () => room.getSnapshot().status === "live");
  assert.equal(room.getSnapshot().members[0]?.id, "try-2");
});

test("kicked: stays away", async () => {
  await serve("/", (socket) => socket.disconnect());
  const here = store({});
  await until(here, () => here.getSnapshot().status === "refused");
  assert.equal(here.getSnapshot().error?.code, "kicked");
  assert.equal(here.socket.active, false);
});

test("a refused token: stays away, with the server's code", async () => {
  await serve("/", () => {}, () => refusal("unauthenticated"));
  const here = store({ token: "forged" });
  await until(here, () => here.getSnapshot().status === "refused");
  assert.deepEqual(here.getSnapshot().error, { code: "unauthenticated", message: "fetch a new token" });
});

test("getToken is asked at every connect, and once more when a token was refused", async () => {
  const seen: string[] = [];
  await serve("/", () => {}, ({ token }) => (seen.push(token), token === "t1" ? refusal("token_expired") : undefined));
  let n = 0;
  const here = store({ getToken: async () => `t${++n}` });
  await until(here, () => here.getSnapshot().status === "connected");
  assert.deepEqual(seen, ["t1", "t2"]);
});

test("getToken is asked when a token is about to expire, and its answer is shown on the same connection", async () => {
  const seen: string[] = [];
  await serve("/", (socket) => {
    socket.on("user:identify", ({ token }, ack) => (seen.push(token), ack({ ok: true, self: { id: "ann" } })));
    socket.emit("token:expiring", { expires_at: Date.now() + 60_000 });
  });
  let n = 0;
  const here = store({ getToken: async () => `t${++n}` });
  await until(here, () => here.getSnapshot().selfId === "ann");
  assert.deepEqual(seen, ["t2"]);
  assert.equal(here.getSnapshot().status, "connected");
});

test("who identified stays that after a lost transport", async () => {
  const seen: unknown[] = [];
  await serve(
    "/",
    (socket) => socket.on("user:identify", (_, ack) => ack({ ok: true, self: { id: "ann" } })),
    ({ token, visitor }) => void seen.push(token ?? (visitor && "visitor")),
  );
  const here = store({});
  await until(here, () => here.getSnapshot().status === "connected");
  await here.identify("signed");
  assert.equal(here.getSnapshot().selfId, "ann");
  here.socket.io.engine.close();
  await until(here, () => seen.length === 2 && here.getSnapshot().status === "connected");
  assert.deepEqual(seen, ["visitor", "signed"]);
});

test("the store that only knows who is here has rooms, and a connection of its own", async () => {
  await serve("/", (socket) => socket.on("room:enter", ({ room }, ack) => ack({ ok: true, ...snapshot(1, [member("me"), member("a")], { room }) })));
  const here = presence.connect(url, { visitor: "visitor-1" });
  try {
    const room = here.room("/post/1");
    await until(room, () => room.getSnapshot().status === "live");
    assert.equal(room.getSnapshot().count, 2);
    assert.equal(presence.connect(url), here);
    assert.equal("lock" in here || "inbox" in here, false);
    assert.notEqual(store({}).socket, here.socket);
  } finally {
    here.close();
  }
});

test("without options the page's connection is joined; with options another is opened", async () => {
  await serve("/", () => {});
  const first = store({});
  assert.equal(connect(url), first);
  const second = store({ visitor: "somebody-else" });
  assert.notEqual(second, first);
  assert.equal(connect(url), first);
});
