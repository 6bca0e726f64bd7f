/*
 * What <also-editing> says and offers, by how the lock is. Pure: a snapshot in, words and actions out.
 *
 * `text` is announced to screen readers when it changes, so it says what matters and counts no seconds; `detail` may change every second.
 */
import type { LockSnapshot } from "../core/lock.js";
import type { Person } from "../core/wire.js";
import { plainName } from "./people.js";
import { texts } from "./texts.js";

export type Action = "edit" | "here" | "ask" | "wait" | "leave" | "done" | "hand" | "seen";

export interface Notice {
  readonly tone: "quiet" | "mine" | "theirs" | "alert";
  readonly text: string;
  readonly detail: string;
  /** Who is meant. */
  readonly face: Person | null;
  /** The first is the one that most people want. */
  readonly actions: readonly Action[];
}

/** More than this is not a countdown but a clock that is wrong. */
const PLAUSIBLE_S = 600;

/** Whole seconds until a moment; null where there is none, or this computer's clock cannot say. */
export function secondsUntil(at: number | null, now: number): number | null {
  if (at === null || at - now > PLAUSIBLE_S * 1000) return null;
  return Math.max(0, Math.ceil((at - now) / 1000));
}

/** @param refused the server does not let this page connect. */
export function notice(lock: LockSnapshot, now: number, refused = false): Notice {
  if (refused) return { tone: "quiet", text: texts.refused, detail: "", face: null, actions: [] };
  const said = lock.error ? complaint(lock) : SAY[lock.status](lock, secondsUntil(lock.handOverAt, now));
  return lock.stale ? { ...said, detail: texts.reconnecting } : said;
}

const name = (person: Person | null): string => (person ? plainName(person) : texts.somebody);

const SAY: Record<LockSnapshot["status"], (lock: LockSnapshot, seconds: number | null) => Notice> = {
  waiting: () => ({ tone: "quiet", text: "", detail: texts.connecting, face: null, actions: [] }),
  free: () => ({ tone: "quiet", text: texts.free, detail: "", face: null, actions: ["edit"] }),
  "held-by-me": mine,
  "held-by-other": (lock) => ({ ...theirs(lock), actions: offers(lock) }),
  queued: (lock, seconds) => {
    const { requestedBy, asked, holder, position } = lock;
    const place = texts.place(position ?? 1);
    const detail = !requestedBy ? "" : asked ? texts.yours(seconds) : texts.askedBy(name(requestedBy));
    const text = asked ? texts.asked(name(holder)) : `${theirs(lock).text} ${place}`;
    return { tone: "theirs", text, detail, face: holder, actions: requestedBy ? ["leave"] : ["ask", "leave"] };
  },
  lost: (lock) => {
    const { loss, holder, elsewhere } = lock;
    const now = holder && !elsewhere && loss?.by?.id !== holder.id ? ` ${theirs(lock).text}` : "";
    const text = loss ? texts.lost[loss.reason](name(loss.by ?? holder), loss.why) + now : "";
    const actions: Action[] = elsewhere ? ["here", "seen"] : holder ? ["ask", "seen"] : ["edit", "seen"];
    const tone = loss?.reason === "handed_over" ? "theirs" : "alert"; // one was asked
    return { tone, text, detail: texts.unsaved, face: elsewhere ? null : holder, actions };
  },
};

function mine({ requestedBy, waiting, queue }: LockSnapshot, seconds: number | null): Notice {
  if (requestedBy) {
    const text = texts.wants(name(requestedBy));
    return { tone: "alert", text, detail: texts.theirs(seconds), face: requestedBy, actions: ["hand"] };
  }
  const detail = waiting ? texts.waits(queue.slice(0, 2).map(name), waiting) : "";
  return { tone: "mine", text: texts.mine, detail, face: null, actions: ["done"] };
}

function theirs({ holder, since, elsewhere, waiting }: LockSnapshot): Notice {
  const text = elsewhere ? texts.elsewhere : texts.editing(name(holder));
  const detail = [since && !elsewhere && texts.since(time(since)), waiting && texts.queue(waiting)].filter(Boolean).join(" · ");
  return { tone: "theirs", text, detail, face: elsewhere ? null : holder, actions: [] };
}

function offers({ elsewhere, requestedBy }: LockSnapshot): Action[] {
  return elsewhere ? ["here"] : requestedBy ? ["wait"] : ["ask", "wait"];
}

function complaint(lock: LockSnapshot): Notice {
  const { code, message, retry_after_ms } = lock.error ?? { code: "", message: "" };
  const text = code === "forbidden" ? texts.forbidden : retry_after_ms ? texts.unavailable : message;
  return { ...SAY[lock.status](lock, null), tone: "alert", text, detail: "", ...(code === "forbidden" && { actions: [] }) };
}

/** "10:42", with the day before it if that was not today. */
function time(at: number): string {
  const when = new Date(at);
  const clock = when.toLocaleTimeString([], { timeStyle: "short" });
  return when.toDateString() === new Date().toDateString() ? clock : `${when.toLocaleDateString()}, ${clock}`;
}
