/* The browser's side of a store: input and visibility become a status; leaving the page and coming back from the back/forward cache are told. */
import { Activity } from "./activity.js";
import type { Status } from "./wire.js";

export interface PageEvents {
  /** This tab's status changed. */
  status(status: Status): void;
  /** The page is going away: last chance to send. */
  hide(): void;
  /** The page is back, as it was. */
  show(): void;
}

const INPUT = ["pointerdown", "pointermove", "keydown", "wheel", "scroll", "touchstart"];

/** Returns the function that stops watching. Without a page (Node) it does nothing. */
export function watchPage(events: PageEvents): () => void {
  if (typeof document === "undefined") return () => {};
  const activity = new Activity(Date.now(), document.hidden);
  let status: Status = "active";
  let timer = 0;
  const check = (): void => {
    clearTimeout(timer);
    const now = Date.now();
    const next = activity.nextMs(now);
    if (next !== null) timer = setTimeout(check, next + 1) as unknown as number;
    const was = status;
    status = activity.status(now);
    if (status !== was) events.status(status);
  };
  const input = (): void => {
    activity.input(Date.now());
    if (status !== "active") check();
  };
  const visibility = (): void => {
    activity.visible(!document.hidden, Date.now());
    check();
  };
  const stop = new AbortController();
  const { signal } = stop;
  for (const name of INPUT) addEventListener(name, input, { passive: true, capture: true, signal });
  document.addEventListener("visibilitychange", visibility, { signal });
  addEventListener("pagehide", () => events.hide(), { signal });
  addEventListener("pageshow", (event) => event.persisted && events.show(), { signal });
  check();
  signal.addEventListener("abort", () => clearTimeout(timer));
  return () => stop.abort();
}
