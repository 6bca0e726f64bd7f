/* Who is here, and nothing else: the store of pages that need neither locks nor an inbox. */
import { connecting, type AtServer } from "./core/connect.js";
import { PresenceStore } from "./core/store.js";

export type Here = PresenceStore & AtServer;

/** As `connect` of the whole, for a store without `lock()` and `inbox()`. */
export const connect = connecting(PresenceStore);

export { PresenceStore };
export { serverUrl, type AtServer, type ConnectOptions } from "./core/connect.js";
export type { Connection, Room, RoomOptions } from "./core/store.js";
export type { RoomEvents, RoomSnapshot } from "./core/copy.js";
export type { Ranking, RankingOptions } from "./core/rankings.js";
