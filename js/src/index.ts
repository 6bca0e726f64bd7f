export { connect, Here, serverUrl, type ConnectOptions } from "./core/connect.js";
export { applyChange, applySnapshot, type Applied, type Diff, type Roster } from "./core/presence.js";
export { Store, type Connection, type Room, type RoomOptions } from "./core/store.js";
export type { Channel } from "./core/channel.js";
export type { RoomEvents, RoomSnapshot } from "./core/copy.js";
export type { LockEvents, LockSnapshot, Loss } from "./core/lock.js";
export type { Lock } from "./core/locks.js";
export type { Ranking, RankingOptions } from "./core/rankings.js";
export type * from "./core/wire.js";
