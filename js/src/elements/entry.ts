/* One line of <also-inbox>: a notification, or a digest of several. */
import { isUnread } from "../core/marking.js";
import type { Notification } from "../core/wire.js";
import { make } from "./float.js";
import { ago, bodyOf, categoryOf, type Digest, href, language, senderOf, titleOf } from "./letter.js";
import { plainName } from "./people.js";
import { texts } from "./texts.js";

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  bell: "M12 3a6 6 0 0 0-6 6v4l-2 3.5h16L18 13V9a6 6 0 0 0-6-6ZM10 20a2 2 0 0 0 4 0",
  archive: "M4 5h16v4H4ZM5.5 9v10h13V9M10 12.5h4",
  back: "M9 14 4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3",
  read: "M5 12.5 10 17.5 19 7",
  unread: "M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6Z",
  close: "M6 6 18 18M18 6 6 18",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  left: "M15 5 8 12 15 19",
  gear: "M4 7h9M17 7h3M15 5v4M4 12h2M10 12h10M8 10v4M4 17h9M17 17h3M15 15v4",
} as const;

export function icon(name: keyof typeof ICONS): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button with a picture on it. */
export function tool(name: keyof typeof ICONS, label: string, act: () => void): HTMLButtonElement {
  const button = make("button", "tool");
  button.type = "button";
  button.dataset["does"] = name;
  button.append(icon(name));
  button.title = label;
  button.setAttribute("aria-label", label);
  button.addEventListener("click", act);
  return button;
}

export interface Acts {
  /** Read it; the event is the click's. */
  open(item: Notification, event: Event): void;
  mark(item: Notification, as: "read" | "unread" | "archived"): void;
  toggle(digest: Digest): void;
  markAll(digest: Digest): void;
  /** There is a menu behind this button; it is about what `of` says at the time. */
  menu(button: HTMLButtonElement, of: () => Notification | Digest | undefined): void;
  isMuted(item: Notification): boolean;
}

export class Entry {
  readonly root = document.createElement("li");
  #main: HTMLElement = make("button", "entry");
  #unread = make("span", "said");
  #title = make("span", "heading");
  #body = make("span", "body");
  #meta = make("span", "meta");
  #who = make("span", "who");
  #time = make("time", "time");
  #tools = make("span", "tools");
  #state = "";
  #item: Notification | undefined;
  #digest: Digest | undefined;

  constructor(private readonly acts: Acts) {
    this.#meta.append(this.#who, this.#time);
  }

  get main(): HTMLElement {
    return this.#main;
  }

  show(item: Notification, inside: boolean, expanded: boolean, now: number): void {
    this.#item = item;
    const link = href(item.url, document.baseURI);
    this.#frame(link);
    if (link) this.#main.setAttribute("href", link);
    const unread = isUnread(item);
    this.root.toggleAttribute("data-unread", unread);
    this.root.toggleAttribute("data-inside", inside);
    if (!link) this.#main.setAttribute("aria-expanded", String(expanded));
    this.#write(unread ? `${texts.inbox.isUnread} ` : "", titleOf(item), bodyOf(item), item, now);
    this.#about(item, senderOf(item));
    const state = item.archived_at !== undefined ? "archived" : unread ? "unread" : "read";
    if (state !== this.#state) this.#tools.replaceChildren(...this.#buttons(state));
    this.#state = state;
  }

  showDigest(digest: Digest, now: number): void {
    this.#digest = digest;
    const [newest] = digest.items;
    if (!newest) return;
    this.#frame(null);
    this.root.setAttribute("data-unread", "");
    this.root.setAttribute("data-digest", "");
    this.#main.setAttribute("aria-expanded", String(digest.open));
    const count = digest.items.filter(isUnread).length;
    this.#write("", texts.inbox.digest(`${count}${digest.more ? "+" : ""}`, plainName({ name: digest.topic, id: "" })), titleOf(newest), newest, now);
    this.#about(newest);
    if (this.#state !== "digest") {
      this.#tools.replaceChildren(tool("read", texts.inbox.read, () => this.#digest && this.acts.markAll(this.#digest)), this.#more());
    }
    this.#state = "digest";
  }

  /** A link where it leads somewhere, else a button. */
  #frame(link: string | null): void {
    const tag = link ? "a" : "button";
    if (this.#main.localName !== tag) this.#main = make(tag, "entry");
    else if (this.#main.parentNode) return;
    if (!link) this.#main.setAttribute("type", "button");
    this.#main.append(this.#unread, this.#title, this.#body, this.#meta);
    this.#main.addEventListener("click", (event) => {
      if (this.#digest) this.acts.toggle(this.#digest);
      else if (this.#item) this.acts.open(this.#item, event);
    });
    this.root.replaceChildren(this.#main, this.#tools);
  }

  #about(item: Notification, sender = ""): void {
    const text = [sender, categoryOf(item), this.acts.isMuted(item) && texts.inbox.muted].filter(Boolean).join(" · ");
    if (this.#who.textContent !== text) this.#who.textContent = text;
  }

  #write(unread: string, title: string, body: string, { created_at }: Notification, now: number): void {
    const when = new Date(created_at);
    const words = language(document.documentElement.lang);
    for (const [element, text] of [[this.#unread, unread], [this.#title, title], [this.#body, body]] as const) {
      if (element.textContent !== text) element.textContent = text;
    }
    this.#time.textContent = ago(created_at, now, words);
    this.#time.dateTime = when.toISOString();
    this.#time.title = when.toLocaleString(words, { dateStyle: "full", timeStyle: "short" });
  }

  #buttons(state: string): HTMLButtonElement[] {
    const act = (name: keyof typeof ICONS, label: string, as: "read" | "unread" | "archived"): HTMLButtonElement =>
      tool(name, label, () => this.#item && this.acts.mark(this.#item, as));
    if (state === "archived") return [act("back", texts.inbox.back, "unread"), this.#more()];
    const other = state === "unread" ? act("read", texts.inbox.read, "read") : act("unread", texts.inbox.unread, "unread");
    return [other, act("archive", texts.inbox.archive, "archived"), this.#more()];
  }

  #more(): HTMLButtonElement {
    const button = tool("more", texts.inbox.menu, () => {});
    this.acts.menu(button, () => this.#digest ?? this.#item);
    return button;
  }
}
