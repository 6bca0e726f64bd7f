/*
 * From an address to a Store: socket.io-client, who we are, and what the page tells.
 *
 * A transport that closes comes back by itself (socket.io-client does that). A refused CONNECT and a DISCONNECT packet mean: stay away.
 */
import { io, type ManagerOptions, type Socket, type SocketOptions } from "socket.io-client";
import type { Channel } from "./channel.js";
import { watchPage } from "./page.js";
import type { PresenceStore } from "./store.js";
import type { Refusal } from "./wire.js";
import { visitorId } from "./visitor.js";

export interface ConnectOptions {
  /** A signed token that says who this is. */
  readonly token?: string;
  /** Asked for a token at every (re)connect, so that it is never stale. */
  readonly getToken?: () => string | Promise<string>;
  /** Overrides the id that the browser keeps for an anonymous visitor: 8 to 64 of A-Z a-z 0-9 _ -. */
  readonly visitor?: string;
  /** Passed on to socket.io-client. */
  readonly socket?: Partial<ManagerOptions & SocketOptions>;
}

/** What a store has that was made by `connect`. */
export interface AtServer {
  /** Where the server is mounted, with a slash at the end. */
  readonly url: string;
  /** For events of your own. */
  readonly socket: Socket;
  /** Leave for good. */
  close(): void;
}

/** Where a server is mounted: absolute, with a slash at the end. */
export function serverUrl(url = "/"): string {
  const base = typeof location === "undefined" ? undefined : location.href;
  const { origin, pathname } = new URL(url, base);
  return origin + pathname.replace(/\/*$/, "/");
}

/** A `connect` that makes stores of one kind; each has its own connections. */
export function connecting<S extends PresenceStore>(Kind: new (channel: Channel) => S): (url?: string, options?: ConnectOptions) => S & AtServer {
  const open = new Map<string, S & AtServer>();
  return (url, options) => {
    const base = serverUrl(url);
    const existing = open.get(base);
    if (existing && !options) return existing;
    const here = opened(Kind, base, options ?? {}, () => open.get(base) === here && open.delete(base));
    if (!existing) open.set(base, here);
    return here;
  };
}

function opened<S extends PresenceStore>(
  Kind: new (channel: Channel) => S,
  base: string,
  options: ConnectOptions,
  forget: () => void,
): S & AtServer {
  const { origin, pathname } = new URL(base);
  let { token } = options;
  const socket = io(origin, {
    path: `${pathname}socket.io/`,
    transports: ["websocket", "polling"],
    tryAllTransports: true,
    forceNew: true,
    ...options.socket,
    auth: (give) => void credentials({ ...options, ...(token && { token }) }).then(give, (error) => here.set({ error: failed(error) })),
  });
  const store = new Kind(socket);
  const identify = store.identify.bind(store);
  const stop = watchPage(store.page);
  const here: S & AtServer = Object.assign(store, {
    url: base,
    socket,
    /** Also holds for the connections that follow a lost one. */
    identify: async (shown: string) => {
      await identify(shown);
      token = shown;
    },
    close: () => {
      stop();
      forget();
      here.set({ status: "closed" });
      socket.disconnect();
    },
  });
  follow(here, options);
  return here;
}

async function credentials({ token, getToken, visitor }: ConnectOptions): Promise<object> {
  // A getToken that fails answers nothing: the server closes the transport after a while, and the next attempt asks again.
  const signed = getToken ? await getToken() : token;
  return signed ? { token: signed } : { visitor: visitor ?? visitorId() };
}

async function renew(here: PresenceStore & AtServer, { getToken }: ConnectOptions): Promise<void> {
  if (getToken) await here.identify(await getToken());
}

function failed(error: unknown): Refusal {
  return { code: "token", message: String(error) };
}

const FRESH_TOKEN_MS = 1_000;

function follow(here: PresenceStore & AtServer, options: ConnectOptions): void {
  const { socket } = here;
  let fresh = true;
  socket.on("connect", () => (fresh = true));
  // Without a fresh token the connection ends, and the next one asks for one again.
  socket.on("token:expiring", () => void renew(here, options).catch(() => {}));
  socket.on("disconnect", (reason) => {
    if (reason === "io client disconnect") return;
    const kicked = reason === "io server disconnect";
    here.set(kicked ? { status: "refused", error: { code: "kicked", message: "the server ended this connection" } } : { status: "reconnecting" });
  });
  socket.on("connect_error", (error) => {
    if (socket.active) return; // no way through yet; socket.io-client tries again
    const refusal = { code: "refused", ...(error as { data?: object }).data, message: error.message };
    if (options.getToken && fresh) {
      fresh = false; // once: the token may have expired on its way
      setTimeout(() => here.getSnapshot().status !== "closed" && socket.connect(), FRESH_TOKEN_MS);
    } else here.set({ status: "refused", error: refusal });
  });
}
