/*
 * The part of the page that an element is about, found by a selector: now, or when it comes, and again when a framework has put another in its place.
 */
export class Target<Kind extends Element> {
  #current: Kind | null = null;
  #observer: MutationObserver | undefined;

  /** @param found is told of each; null at once where there is none yet. */
  constructor(private readonly found: (element: Kind | null) => void) {}

  get current(): Kind | null {
    return this.#current;
  }

  /** The first of the selectors that finds something decides. */
  seek(selectors: readonly string[], root: ParentNode = document): void {
    const look = (): void => {
      if (this.#current?.isConnected) return;
      const before = this.#current;
      this.#current = selectors.map((selector) => root.querySelector<Kind>(selector)).find(Boolean) ?? null;
      if (this.#current !== before) this.found(this.#current);
    };
    this.stop();
    this.found(null);
    look();
    if (!this.#current && document.readyState !== "loading") console.warn(`alsohere: nothing on this page is ${selectors.join(" or ")}`);
    this.#observer = new MutationObserver(look);
    this.#observer.observe(root, { childList: true, subtree: true });
  }

  stop(): void {
    this.#observer?.disconnect();
    this.#current = null;
  }
}
