/* Something that floats beside an anchor, in the top layer, where no overflow of the page can clip it, and always inside the window. */
const GAP = 6;
const EDGE = 8;

/** Below where there is room, else above; centred, or flush with the side of the anchor that is nearer to the window's. */
export function placeBeside(floating: HTMLElement, anchor: Element, centred = true): void {
  const at = anchor.getBoundingClientRect();
  const { width, height } = floating.getBoundingClientRect();
  const { clientWidth, clientHeight } = document.documentElement;
  const flush = at.left + at.right > clientWidth ? at.right - width : at.left;
  const wanted = centred ? at.left + (at.width - width) / 2 : flush;
  const left = Math.max(EDGE, Math.min(wanted, clientWidth - width - EDGE));
  const below = at.bottom + GAP;
  const above = at.top - GAP - height;
  const top = below + height > clientHeight - EDGE && above >= EDGE ? above : below;
  floating.style.left = `${left}px`;
  floating.style.top = `${top}px`;
}

/** An element with class and part, and nothing in it. */
export function make<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, part: string, text = ""): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  element.className = part;
  element.setAttribute("part", part);
  element.textContent = text;
  return element;
}

/** What has the focus in the shadow root that an element is in. */
export function focused(element: Node): Element | null {
  return (element.getRootNode() as ShadowRoot).activeElement;
}

/** Give `parent` exactly these children, moving only what is not in its place, so that focus and animations survive. */
export function arrange(parent: Element | ShadowRoot, children: readonly Element[]): void {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, index) => {
    const current = parent.children[index] ?? null;
    if (current !== child) parent.insertBefore(child, current);
  });
}
