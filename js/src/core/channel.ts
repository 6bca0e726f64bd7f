/* The part of a socket.io-client Socket that the store uses, and one question with one answer. */
import type { Answer } from "./wire.js";

export interface Channel {
  readonly connected: boolean;
  // any, as in socket.io-client's own types: the shapes are in wire.ts
  on(event: string, listener: (...args: any[]) => void): unknown;
  emit(event: string, argument: unknown): unknown;
  timeout(ms: number): { emit(event: string, argument: unknown, answer: (error: Error | null, value: unknown) => void): unknown };
}

const ANSWER_MS = 10_000;
const AGAIN_MS = 1_000;

/** `done` gets null when no answer came: the connection is lost, or the server is too busy. */
export function ask<T>(channel: Channel, event: string, argument: unknown, done: (answer: Answer<T> | null) => void): void {
  channel.timeout(ANSWER_MS).emit(event, argument, (error, value) => done(error ? null : (value as Answer<T>)));
}

/** When to ask again, in milliseconds; null when that cannot help. */
export function retryMs(answer: { readonly ok: false; readonly error: { readonly retry_after_ms?: number } } | null): number | null {
  return answer ? (answer.error.retry_after_ms ?? null) : AGAIN_MS;
}
