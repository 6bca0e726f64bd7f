/*
 * What somebody wants to hear of, and when: behind the gear of <also-inbox>. Every change is saved when it is made; there is no button for it.
 *
 * Categories that this inbox has seen are there to be switched off. Topics are without number: only the muted ones are named.
 */
import type { PreferenceChanges } from "../core/inbox.js";
import type { Preferences, Quiet } from "../core/wire.js";
import { arrange, make } from "./float.js";
import { categoryOf, topicOf } from "./letter.js";
import { texts } from "./texts.js";

const NIGHT = { from: "22:00", to: "07:00" };

export type Kind = "categories" | "topics";

export interface Changes {
  prefer(changes: PreferenceChanges): void;
  mute(kind: Kind, name: string, mute: boolean): void;
}

export class Settings {
  readonly root = make("div", "settings");
  #sections = { hours: section(texts.inbox.quiet), categories: section(texts.inbox.hear), topics: section(texts.inbox.mutedTopics) };
  #quiet = tick(texts.inbox.quietOn, (on) => this.changes.prefer({ quiet: on ? this.#times(zone()) : null }));
  #hours = make("div", "hours");
  #from = this.#time("from", texts.inbox.from);
  #to = this.#time("to", texts.inbox.to);
  #zone = make("p", "hint");
  #here = make("button", "button", texts.inbox.zoneHere(zone()));
  #categories = make("ul", "wishes");
  #topics = make("ul", "wishes");
  #none = make("p", "hint", texts.inbox.noTopics);
  #lines = new Map<string, HTMLElement>();

  constructor(private readonly changes: Changes) {
    const { hours, categories, topics } = this.#sections;
    this.root.tabIndex = -1;
    for (const list of [this.#categories, this.#topics]) list.setAttribute("role", "list");
    this.#here.type = "button";
    this.#here.addEventListener("click", () => this.changes.prefer({ quiet: this.#times(zone()) }));
    hours.append(this.#quiet.root, this.#hours, this.#zone, this.#here);
    categories.append(this.#categories);
    topics.append(this.#topics, this.#none);
    this.root.append(make("p", "hint", texts.inbox.mutes), hours, categories, topics);
  }

  /** @param seen the categories of this inbox. @param live whether it can be changed now. */
  show({ muted, quiet }: Preferences, seen: Iterable<string>, live: boolean): void {
    for (const part of Object.values(this.#sections)) part.disabled = !live;
    const categories = [...new Set([...seen, ...muted.categories])].sort();
    this.#sections.categories.hidden = !categories.length;
    arrange(this.#categories, categories.map((name) => this.#category(name, !muted.categories.includes(name))));
    arrange(this.#topics, muted.topics.map((name) => this.#topic(name)));
    this.#none.hidden = muted.topics.length > 0;
    this.#showQuiet(quiet);
  }

  #showQuiet(quiet: Quiet | null): void {
    this.#quiet.box.checked = quiet !== null;
    this.#hours.hidden = this.#zone.hidden = !quiet;
    this.#here.hidden = !quiet || quiet.tz === zone();
    if (!quiet) return;
    for (const [input, time] of [[this.#from, quiet.from], [this.#to, quiet.to]] as const) {
      if (!input.matches(":focus") && input.value !== time) input.value = time; // not under somebody's fingers
    }
    const text = quiet.from === quiet.to ? texts.inbox.noHours : texts.inbox.zone(quiet.tz);
    if (this.#zone.textContent !== text) this.#zone.textContent = text;
    this.#zone.dataset["tz"] = quiet.tz;
  }

  #times(tz: string): Quiet {
    return { from: this.#from.value || NIGHT.from, to: this.#to.value || NIGHT.to, tz };
  }

  #time(name: keyof typeof NIGHT, label: string): HTMLInputElement {
    const input = make("input", "time-of-day");
    input.type = "time";
    input.required = true; // without it there is a button that empties it
    input.value = NIGHT[name];
    input.addEventListener("change", () => input.value && this.changes.prefer({ quiet: this.#times(this.#zone.dataset["tz"] ?? zone()) }));
    const around = make("label", "hour", label);
    around.append(input);
    this.#hours.append(around);
    return input;
  }

  #category(name: string, heard: boolean): HTMLElement {
    const line = this.#line(`c ${name}`, () => tick(categoryOf({ category: name }), (on) => this.changes.mute("categories", name, !on)).root);
    (line.querySelector("input") as HTMLInputElement).checked = heard;
    return line;
  }

  #topic(name: string): HTMLElement {
    return this.#line(`t ${name}`, () => {
      const row = make("span", "wish");
      const button = make("button", "button", texts.inbox.unmute);
      button.type = "button";
      button.setAttribute("aria-label", texts.inbox.unmuteTopic(topicOf(name)));
      button.addEventListener("click", () => this.changes.mute("topics", name, false));
      row.append(make("span", "name", topicOf(name)), button);
      return row;
    });
  }

  #line(key: string, content: () => HTMLElement): HTMLElement {
    const line = this.#lines.get(key) ?? document.createElement("li");
    if (!line.firstChild) line.append(content());
    this.#lines.set(key, line);
    return line;
  }
}

function section(title: string): HTMLFieldSetElement {
  const part = make("fieldset", "section");
  part.append(make("legend", "title", title));
  return part;
}

function tick(label: string, act: (on: boolean) => void): { root: HTMLElement; box: HTMLInputElement } {
  const root = make("label", "wish");
  const box = make("input", "tick");
  box.type = "checkbox";
  box.addEventListener("change", () => act(box.checked));
  root.append(make("span", "name", label), box);
  return { root, box };
}

/** The browser's. */
function zone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}
