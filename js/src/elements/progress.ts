/*
 * <also-progress for="article" room="/post/1" src="/here"></also-progress>: everybody's place in an article, one's own included.
 *
 * for: selects the article; default is the first <article>, else <main>. room: default is the page's path.
 * One's place is published as `state.position`, 0 to 100, in whole percent: when it changes, at most once a second, the last one too.
 */
import type { Here } from "../core/everything.js";
import type { Room } from "../core/store.js";
import { PlacedElement } from "./element.js";
import { progress, readers } from "./rail.js";
import { adopt } from "./style.js";
import { Target } from "./target.js";
import { Track, TRACK } from "./track.js";

export const EVERY_MS = 1_000;

export class AlsoProgress extends PlacedElement<Room> {
  static observedAttributes = ["for", "room", "src"];
  #track = new Track();
  #article = new Target<Element>((article) => this.#found(article));
  #at = 0;
  #sent = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #frame = 0;
  #stop = new AbortController();
  #resized = typeof ResizeObserver === "undefined" ? null : new ResizeObserver(() => this.#resize());

  constructor() {
    super();
    adopt(this.root, TRACK);
    this.root.append(this.#track.root, this.#track.tip);
  }

  protected hold(here: Here): Room {
    const selector = this.getAttribute("for");
    this.#article.seek(selector ? [selector] : ["article", "main"]);
    this.#sent = Math.round(this.#at);
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    addEventListener("scroll", () => (this.#frame ||= requestAnimationFrame(() => this.#scrolled())), { capture: true, passive: true, signal });
    addEventListener("resize", () => this.#resize(), { signal });
    return this.voiced(here.room(this.place, { state: { position: this.#sent } }));
  }

  protected override release(): void {
    this.#stop.abort();
    this.#article.stop();
    this.#resized?.disconnect();
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
    this.#frame = 0;
    this.#timer = undefined;
    this.held?.update({ position: null });
    super.release();
  }

  protected render(): void {
    const snapshot = this.held?.getSnapshot();
    if (!snapshot) return;
    const { count, others, self, status } = snapshot;
    this.#track.root.toggleAttribute("data-stale", status === "stale");
    this.#track.show(readers(others), count, self, Math.round(this.#at));
  }

  #found(article: Element | null): void {
    this.#resized?.disconnect();
    for (const element of [article, document.documentElement]) if (element) this.#resized?.observe(element);
    this.#place();
  }

  #place(): void {
    if (this.#article.current) this.#track.place(this.#article.current);
    this.#measure();
    this.render();
  }

  #resize(): void {
    this.#place();
    this.#publish();
  }

  #scrolled(): void {
    this.#frame = 0;
    this.#measure();
    this.#publish();
  }

  #measure(): void {
    const box = this.#article.current?.getBoundingClientRect();
    this.#track.root.toggleAttribute("data-away", !box || box.bottom < 0 || box.top > innerHeight);
    if (box) this.#track.move((this.#at = progress(box.top, box.height, innerHeight)));
  }

  #publish(): void {
    const at = Math.round(this.#at);
    if (this.#timer !== undefined || at === this.#sent) return;
    this.held?.update({ position: (this.#sent = at) });
    this.render();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#publish();
    }, EVERY_MS);
  }
}
