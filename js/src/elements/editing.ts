/*
 * <also-editing lock="/products/7" for="#product" auto src="/here"></also-editing>: who may edit, and what everybody else can do about it.
 *
 * lock: default is the page's path; `room#field` for a part of it. for: selects what is closed while this page does not hold the lock; a fieldset is
 * disabled, anything else inert. auto: begin to edit, or to wait, without a click.
 *
 * It dispatches also-editing:held {fence, receipt}, :requested {by, handOverAt}, :lost {reason, by, why} and :released, which bubble. The form gets a
 * hidden field `fence`.
 */
import type { Here } from "../core/everything.js";
import type { LockSnapshot } from "../core/lock.js";
import type { Lock } from "../core/locks.js";
import { EDITING } from "./editing-style.js";
import { PlacedElement } from "./element.js";
import { paint } from "./faces.js";
import { arrange, make } from "./float.js";
import { Gate } from "./gate.js";
import { type Action, notice, secondsUntil } from "./notice.js";
import { plainName } from "./people.js";
import { type Asked, Question } from "./question.js";
import { remember, remembered } from "./resume.js";
import { adopt } from "./style.js";
import { Target } from "./target.js";
import { texts } from "./texts.js";

const EVENTS = ["held", "lost", "requested"] as const;

export class AlsoEditing extends PlacedElement<Lock> {
  static observedAttributes = ["lock", "for", "auto", "src"];
  #notice = make("div", "notice");
  #face = make("span", "face");
  #words = make("div", "words");
  #text = make("p", "text");
  #detail = make("p", "detail");
  #actions = make("div", "actions");
  #buttons = new Map<Action, HTMLButtonElement>();
  #question = new Question((yes) => this.#answered(yes), () => this.#asked());
  #gate = new Gate();
  #target: Target<HTMLElement> | undefined;
  #clock: ReturnType<typeof setInterval> | undefined;
  #fence: number | null = null;
  #leaving = (): void => {
    const { lock, status } = this.held?.getSnapshot() ?? {};
    if (lock && (status === "held-by-me" || status === "queued")) remember(lock, status === "queued" ? status : "held");
  };

  constructor() {
    super();
    adopt(this.root, EDITING);
    this.#notice.setAttribute("role", "group");
    this.#notice.tabIndex = -1;
    this.#text.setAttribute("role", "status");
    this.#face.setAttribute("aria-hidden", "true"); // the words name them
    this.#words.append(this.#text, this.#detail);
    this.root.append(this.#notice, this.#question.root);
  }

  /** What the save has to carry; null while this page may not edit. */
  get fence(): number | null {
    return this.held?.getSnapshot().fence ?? null;
  }
  /** The fence, signed, where the server has a secret. */
  get receipt(): string | null {
    return this.held?.getSnapshot().receipt ?? null;
  }
  /** How the lock is; null until the element has begun. */
  get snapshot(): LockSnapshot | null {
    return this.held?.getSnapshot() ?? null;
  }
  /** Begin to edit, or to wait. */
  edit(): void {
    this.held?.acquire();
  }
  /** Edit no more: after saving, for example. */
  done(): void {
    if (this.fence !== null) this.#tell("released", null);
    this.held?.release();
  }
  /** Ask the server whether this page may still edit; what is known then, with a fresh receipt. */
  async confirm(): Promise<LockSnapshot | null> {
    return (await this.held?.confirm()) ?? null;
  }

  protected override get named(): string | null {
    return this.getAttribute("lock");
  }

  protected hold(here: Here): Lock {
    const lock = here.lock(this.place);
    const selector = this.getAttribute("for");
    const guard = (target: HTMLElement | null): void => {
      if (selector && !target) return this.#gate.free(); // not there yet
      this.#gate.guard(target, () => lock.touch());
      if (target?.contains(this)) console.warn(`<also-editing>: ${selector} is closed with this element in it; put it outside`);
      this.#turn(lock.getSnapshot());
    };
    this.#target = new Target(guard);
    if (selector) this.#target.seek([selector], this.getRootNode() as ParentNode);
    else guard(null);
    for (const name of EVENTS) lock.on(name, (detail) => this.#tell(name, detail));
    lock.on("refused", ({ message }) => console.warn(`<also-editing> ${lock.name}: ${message}`));
    addEventListener("pagehide", this.#leaving);
    const before = remembered(lock.name);
    if (before || this.hasAttribute("auto")) lock.acquire({ wait: before !== "held" });
    return lock;
  }

  protected override release(): void {
    this.#fence = null;
    removeEventListener("pagehide", this.#leaving);
    this.#target?.stop();
    this.#gate.free();
    this.#question.show(null);
    this.#tick(false);
    super.release();
  }

  protected render(): void {
    const lock = this.held?.getSnapshot();
    if (!lock) return;
    const inside = this.root.activeElement;
    const working = this.#gate.busy;
    const before = this.#fence;
    this.#turn(lock);
    this.#say(lock);
    this.#question.show(lock.stale ? null : asked(lock));
    // Where the focus was on something that is gone or closed by now, it is on the words that say why; who waited here for it begins in the form.
    const gone = inside !== null && !inside.isConnected;
    const opened = before === null && lock.fence !== null;
    if (working && lock.fence === null) this.#notice.focus();
    else if (gone && !(opened && this.#gate.enter())) this.#notice.focus({ preventScroll: true });
    else if (inside && opened) this.#gate.enter();
    this.#tick(lock.handOverAt !== null || lock.releaseAt !== null);
  }

  #turn({ fence, receipt }: LockSnapshot): void {
    if (fence !== null) this.#gate.open(fence, receipt);
    else if (this.#fence !== null) this.#gate.close();
    this.#fence = fence;
  }

  #say(lock: LockSnapshot): void {
    const refused = this.here?.getSnapshot().status === "refused";
    const { tone, text, detail, face, actions } = notice(lock, Date.now(), refused);
    this.#notice.dataset["tone"] = tone;
    this.#notice.dataset["status"] = lock.status;
    this.#notice.setAttribute("aria-label", texts.editor);
    if (this.#text.textContent !== text) this.#text.textContent = text;
    if (this.#detail.textContent !== detail) this.#detail.textContent = detail;
    if (face) paint(this.#face, face, false);
    arrange(this.#actions, actions.map((action, index) => this.#button(action, index === 0)));
    arrange(this.#notice, [...(face ? [this.#face] : []), this.#words, ...(actions.length ? [this.#actions] : [])]);
  }

  #button(action: Action, main: boolean): HTMLButtonElement {
    let button = this.#buttons.get(action);
    if (!button) {
      button = make("button", "action");
      button.type = "button";
      button.addEventListener("click", () => this.#act(action));
      this.#buttons.set(action, button);
    }
    button.textContent = texts.actions[action];
    button.toggleAttribute("data-main", main && action !== "done" && action !== "leave");
    return button;
  }

  #act(action: Action): void {
    const lock = this.held;
    if (action === "ask") lock?.request();
    else if (action === "done") this.done();
    else if (action === "leave" || action === "seen") lock?.release();
    else if (action === "hand") lock?.handOver();
    else lock?.acquire();
  }

  #answered(yes: boolean): void {
    if (yes) this.held?.handOver();
    else this.held?.touch();
  }

  /** The browser gives the focus back to where it was before the question, unless that is closed or gone. */
  #asked(): void {
    const { activeElement } = this.getRootNode() as Document | ShadowRoot;
    if (!activeElement || activeElement === document.body || activeElement === this) this.#notice.focus();
  }

  #tick(on: boolean): void {
    if (on === (this.#clock !== undefined)) return;
    clearInterval(this.#clock);
    this.#clock = on ? setInterval(() => this.render(), 500) : undefined;
  }

  #tell(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(`also-editing:${name}`, { detail, bubbles: true, composed: true }));
  }
}

/** What the holder is asked now. */
function asked({ fence, requestedBy, handOverAt, releaseAt }: LockSnapshot): Asked | null {
  if (fence === null) return null;
  if (requestedBy) {
    const name = plainName(requestedBy);
    const seconds = secondsUntil(handOverAt, Date.now());
    const words = { title: texts.askTitle(name), text: texts.askText(name, seconds), yes: texts.actions.hand, no: texts.keep };
    return { key: `ask ${requestedBy.id} ${handOverAt}`, ...words, stay: false, seconds };
  }
  if (releaseAt === null) return null;
  const seconds = secondsUntil(releaseAt, Date.now());
  const words = { title: texts.warnTitle, text: texts.warnText(seconds), yes: texts.giveUp, no: texts.still };
  return { key: `warn ${releaseAt}`, ...words, stay: true, seconds };
}
