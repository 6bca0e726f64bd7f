/*
 * <also-toasts src="/here"></also-toasts>: what arrives shows itself for a while, in one of this browser's tabs.
 *
 * It is shown where somebody looks; a hidden tab waits until it is looked at, and then shows only what no other one has. What is read, archived or
 * recalled meanwhile, in any tab, goes away; so does what is not critical when the inbox is opened, where it stands first. Time stands still while somebody points at it, is in it with the keyboard, or looks elsewhere.
 */
import type { Here } from "../core/everything.js";
import type { Inbox } from "../core/inbox.js";
import { isUnread } from "../core/marking.js";
import type { Notification } from "../core/wire.js";
import { Claims } from "./claim.js";
import { LiveElement } from "./element.js";
import { tool } from "./entry.js";
import { arrange, make } from "./float.js";
import { bodyOf, href, PAGE, senderOf, titleOf } from "./letter.js";
import { Stack, type Toast } from "./stack.js";
import { adopt } from "./style.js";
import { texts } from "./texts.js";
import { TOASTS_CSS } from "./toasts-style.js";

const STAY_MS = 6_000;

interface Shown {
  readonly root: HTMLElement;
  readonly toast: Toast;
  /** How long it stays; critical ones stay. */
  leftMs: number;
}

export class AlsoToasts extends LiveElement<Inbox> {
  static observedAttributes = ["src"];
  #area = make("div", "toasts");
  #regions = { status: make("div", "region"), alert: make("div", "region") };
  #stack = new Stack();
  #shown = new Map<Toast["id"], Shown>();
  #candidates = new Map<number, Notification>();
  #claims: Claims | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #since = 0;
  #stop = new AbortController();

  constructor() {
    super();
    adopt(this.root, TOASTS_CSS);
    for (const [role, region] of Object.entries(this.#regions)) region.setAttribute("role", role);
    this.#area.popover = "manual"; // above everything but what is opened later
    this.#area.setAttribute("aria-label", texts.inbox.toasts);
    this.#area.setAttribute("role", "region");
    this.#area.append(this.#regions.alert, this.#regions.status);
    for (const name of ["pointerenter", "pointerleave", "focusin", "focusout"]) {
      this.#area.addEventListener(name, () => queueMicrotask(() => this.#run()));
    }
    this.root.append(this.#area);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#claims = new Claims();
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    document.addEventListener("visibilitychange", () => this.#consider(), { signal });
    document.addEventListener("keydown", (event) => this.#key(event), { signal });
    document.addEventListener("also-inbox:toggle", (event) => (event as CustomEvent).detail.open && this.#clear(), { signal });
    this.#area.showPopover(); // empty, but there: a live region has to be there before its words
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stop.abort();
    this.#claims?.close();
    clearTimeout(this.#timer);
    for (const id of [...this.#shown.keys()]) this.#stack.remove(id);
    this.#shown.clear();
    this.#candidates.clear();
    for (const region of Object.values(this.#regions)) region.replaceChildren();
  }

  protected hold(here: Here): Inbox {
    const inbox = here.inbox({ limit: PAGE }); // as the bell does, so that the two ask once
    inbox.on("arrived", (item) => {
      if (item.show !== "toast" || !isUnread(item)) return;
      this.#candidates.set(item.id, item);
      this.#consider();
    });
    inbox.on("recalled", (ids) => ids.forEach((id) => this.#drop(id)));
    return inbox;
  }

  /** What has been read elsewhere, or was edited. */
  protected render(): void {
    const { items = [] } = this.held?.getSnapshot() ?? {};
    const known = new Map(items.map((item) => [item.id, item]));
    for (const { toast } of [...this.#shown.values()]) {
      if (toast.id === "several") continue;
      const item = known.get(toast.id);
      if (item ? !isUnread(item) : items.some(({ id }) => id < Number(toast.id))) this.#drop(toast.id); // archived ones are not listed
      else if (item) this.#write(this.#shown.get(toast.id) as Shown, item);
    }
    this.#consider();
  }

  /** Show what came, where somebody looks and the user is known. */
  #consider(): void {
    this.#run();
    const user = this.held?.getSnapshot().user;
    if (document.hidden || user == null || !this.#claims) return;
    const came = [...this.#candidates.values()];
    this.#candidates.clear();
    for (const item of came) void this.#claim(item, `${this.here?.url} ${user} ${item.id}`);
  }

  async #claim(item: Notification, name: string): Promise<void> {
    if (!(await this.#claims?.take(name)) || !this.isConnected) return;
    const now = this.held?.getSnapshot().items.find(({ id }) => id === item.id);
    if (now && !isUnread(now)) return;
    this.#stack.add(item);
    this.#show();
  }

  #show(): void {
    this.#tick();
    const ids = new Set(this.#stack.shown.map(({ id }) => id));
    const inside = this.#area.matches(":focus-within");
    for (const id of this.#shown.keys()) if (!ids.has(id)) this.#shown.delete(id);
    const shown = this.#stack.shown.map((toast) => {
      const before = this.#shown.get(toast.id);
      const one = before?.toast === toast || (before && toast.id !== "several") ? before : this.#create(toast);
      this.#shown.set(toast.id, one);
      return one;
    });
    arrange(this.#regions.alert, shown.filter(isCritical).map(({ root }) => root));
    arrange(this.#regions.status, shown.filter((one) => !isCritical(one)).map(({ root }) => root));
    if (inside && !this.#area.matches(":focus-within")) this.#area.querySelector<HTMLElement>(".toast > .open")?.focus();
    this.#run();
  }

  #create(toast: Toast): Shown {
    const root = make("div", "toast");
    const link = toast.id === "several" ? null : href(toast.url, document.baseURI);
    const main = make(link ? "a" : "button", "open");
    if (link) main.setAttribute("href", link);
    else main.setAttribute("type", "button");
    const one: Shown = { root, toast, leftMs: STAY_MS };
    main.append(make("span", "heading"), make("span", "body"), make("span", "who"));
    main.addEventListener("click", (event) => this.#open(toast, event));
    root.append(main, tool("close", texts.inbox.close, () => this.#drop(toast.id)));
    root.toggleAttribute("data-critical", isCritical(one));
    this.#write(one, toast);
    return one;
  }

  #write({ root }: Shown, toast: Toast): void {
    const several = toast.id === "several";
    const said = several ? [texts.inbox.several(toast.count), "", ""] : [titleOf(toast), bodyOf(toast), senderOf(toast)];
    root.querySelectorAll(".open > span").forEach((span, index) => {
      if (span.textContent !== said[index]) span.textContent = said[index] ?? "";
    });
  }

  #open(toast: Toast, event: Event): void {
    if (toast.id !== "several") {
      this.held?.mark({ ids: [toast.id], as: "read" });
      const opened = new CustomEvent("also-toasts:open", { detail: toast, bubbles: true, composed: true, cancelable: true });
      if (!this.dispatchEvent(opened)) event.preventDefault();
    } else document.querySelector("also-inbox")?.open();
    this.#drop(toast.id);
  }

  #drop(id: Toast["id"]): void {
    this.#candidates.delete(Number(id));
    this.#stack.remove(id);
    this.#show();
  }

  /** What is critical stays. */
  #clear(): void {
    for (let one; (one = [...this.#shown.values()].find((shown) => !isCritical(shown))); ) this.#drop(one.toast.id);
  }

  /** Escape closes what one is in; else the newest, if nothing else on the page could be meant. */
  #key(event: KeyboardEvent): void {
    if (event.key !== "Escape" || event.defaultPrevented || !this.#shown.size) return;
    const all = [...this.#shown.values()];
    const inside = all.find(({ root }) => root.matches(":focus-within"));
    const free = document.activeElement === document.body || document.activeElement === null;
    const one = inside ?? (free ? all.filter((shown) => !isCritical(shown)).at(-1) : undefined);
    if (one) this.#drop(one.toast.id);
  }

  // -- Time --------------------------------------------------------------------------------------------------------------

  get #stands(): boolean {
    return document.hidden || this.#area.matches(":hover, :focus-within");
  }

  /** The time that has gone by since the last look, for all that do not stay. */
  #tick(): void {
    if (!this.#since) return;
    const passed = performance.now() - this.#since;
    this.#since = performance.now();
    for (const one of this.#shown.values()) if (!isCritical(one)) one.leftMs -= passed;
  }

  #run(): void {
    clearTimeout(this.#timer);
    this.#tick();
    const going = [...this.#shown.values()].filter((one) => !isCritical(one));
    this.#since = this.#stands || !going.length ? 0 : performance.now();
    if (!this.#since) return;
    const over = going.filter(({ leftMs }) => leftMs <= 0);
    if (over.length) {
      for (const { toast } of over) this.#stack.remove(toast.id);
      return this.#show();
    }
    this.#timer = setTimeout(() => this.#run(), Math.min(...going.map(({ leftMs }) => leftMs)) + 1);
  }
}

function isCritical({ toast }: Shown): boolean {
  return toast.id !== "several" && !!toast.critical;
}
