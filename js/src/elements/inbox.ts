/*
 * <also-inbox src="/here"></also-inbox>: a bell with the number of what is unread; a click shows the inbox.
 *
 * The bell keeps its place and size whatever is known, so that nothing moves when the number comes.
 */
import type { Here } from "../core/everything.js";
import type { Inbox } from "../core/inbox.js";
import type { Notification } from "../core/wire.js";
import { LiveElement } from "./element.js";
import { icon } from "./entry.js";
import { make } from "./float.js";
import { INBOX_CSS } from "./inbox-style.js";
import { badge, PAGE } from "./letter.js";
import { Letterbox } from "./letterbox.js";
import { adopt } from "./style.js";
import { texts } from "./texts.js";

const AGO_MS = 30_000;

export class AlsoInbox extends LiveElement<Inbox> {
  static observedAttributes = ["src"];
  #bell = make("button", "bell");
  #badge = make("span", "badge");
  #box = new Letterbox(this.#bell, {
    toggled: (open) => this.#toggled(open),
    choose: () => this.#choose(),
    mark: (marks) => this.held?.mark(marks),
    prefer: (changes) => this.held?.preferences(changes) ?? Promise.reject(new Error("not in a page")),
    opened: (item) => this.#opened(item),
    more: () => this.held?.more(),
  });
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor() {
    super();
    adopt(this.root, INBOX_CSS);
    this.#bell.type = "button";
    this.#bell.setAttribute("aria-label", texts.inbox.title);
    this.#badge.setAttribute("aria-hidden", "true"); // the bell's name says it
    this.#bell.append(icon("bell"), this.#badge);
    this.root.append(this.#bell, this.#box.root);
  }

  /** Show what is behind the bell. */
  open(): void {
    this.#box.root.showPopover();
  }

  close(): void {
    this.#box.root.hidePopover();
  }

  protected hold(here: Here): Inbox {
    const { list, category } = this.#box;
    const inbox = here.inbox({ state: list, limit: PAGE, ...(category && { category }) });
    inbox.on("refused", ({ code, message }) => {
      if (code === "forbidden") return;
      console.warn(`<${this.localName}>: ${message}`);
      this.#box.say(texts.inbox.failed);
    });
    return inbox;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#timer);
  }

  protected render(): void {
    const snapshot = this.held?.getSnapshot();
    if (!snapshot) return;
    const { total } = snapshot.unread;
    const connected = this.here?.getSnapshot().status === "connected";
    const before = Number(this.#badge.dataset["count"] ?? 0);
    if (total !== before) this.#badge.toggleAttribute("data-new", total > before);
    this.#badge.dataset["count"] = String(total);
    const shown = total ? badge(total) : "";
    if (this.#badge.textContent !== shown) this.#badge.textContent = shown;
    this.#bell.setAttribute("aria-label", snapshot.status === "refused" ? texts.inbox.title : texts.inbox.label(total));
    this.#bell.toggleAttribute("data-stale", !connected);
    this.#box.show(snapshot, connected);
  }

  #choose(): void {
    const before = this.held;
    if (!this.here) return;
    this.held = this.hold(this.here); // first, so that somebody looks all the time
    before?.leave();
    this.held.subscribe(() => this.render());
    this.render();
  }

  #toggled(open: boolean): void {
    clearInterval(this.#timer);
    if (open) this.#timer = setInterval(() => this.#box.refresh(), AGO_MS);
    this.dispatchEvent(new CustomEvent("also-inbox:toggle", { detail: { open }, bubbles: true, composed: true }));
    this.render();
  }

  /** The page may go there itself: `preventDefault` on the event. */
  #opened(item: Notification): boolean {
    const event = new CustomEvent("also-inbox:open", { detail: item, bubbles: true, composed: true, cancelable: true });
    const goesOn = this.dispatchEvent(event);
    if (!goesOn) this.close();
    return goesOn;
  }
}
