/*
 * What may be edited only by who holds the lock: closed while that is somebody else, open with the fence in it.
 *
 * A fieldset (or a field) is disabled, which leaves it readable for everybody. Anything else is made inert, which hides it from screen readers too:
 * put a fieldset into the form. The values in it stay as they are, whatever happens to the lock.
 */
const FIELDS = "input:not([type=hidden]), textarea, select, [contenteditable]";
const WORK = ["input", "keydown", "pointerdown"];

type Lockable = HTMLElement & { disabled?: boolean };

export class Gate {
  #target: Lockable | null = null;
  #before = { disabled: false, inert: false };
  #stop = new AbortController();

  /** From now on this is what is closed and opened; `worked` is called when somebody works in it, or on the page if it is nothing in particular. */
  guard(target: HTMLElement | null, worked: () => void): void {
    this.free();
    this.#target = target;
    if (target) this.#before = { disabled: this.#disabled, inert: target.inert };
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    for (const name of WORK) (target ?? document).addEventListener(name, worked, { capture: true, passive: true, signal });
    this.close();
  }

  /** As the page had it. */
  free(): void {
    this.#stop.abort();
    if (!this.#target) return;
    this.#shut(this.#before.disabled, this.#before.inert);
    delete this.#target.dataset["alsoEditing"];
    this.#target = null;
  }

  open(fence: number, receipt: string | null): void {
    this.#shut(false, false);
    this.#write("fence", String(fence), true);
    this.#write("receipt", receipt ?? "", false);
    if (this.#target) this.#target.dataset["alsoEditing"] = "open";
  }

  close(): void {
    const native = this.#target && "disabled" in this.#target;
    this.#shut(!!native, !native);
    this.#write("fence", "", false);
    this.#write("receipt", "", false);
    if (this.#target) this.#target.dataset["alsoEditing"] = "closed";
  }

  /** Whether somebody is in it with the keyboard. */
  get busy(): boolean {
    return !!this.#target?.contains(document.activeElement);
  }

  /** Go to its first field. Returns whether there is one. */
  enter(): boolean {
    const fields = [...(this.#target?.querySelectorAll<Lockable>(FIELDS) ?? [])];
    const first = fields.find((field) => !field.matches(":disabled") && field.getClientRects().length);
    first?.focus();
    return !!first;
  }

  get #disabled(): boolean {
    return !!this.#target && "disabled" in this.#target && !!this.#target.disabled;
  }

  #shut(disabled: boolean, inert: boolean): void {
    if (!this.#target) return;
    if ("disabled" in this.#target) this.#target.disabled = disabled;
    this.#target.inert = inert;
  }

  /** Into the form's field of that name; the fence gets one if there is none, so that a plain form posts it. */
  #write(name: string, value: string, make: boolean): void {
    const target = this.#target;
    const form = target instanceof HTMLFormElement ? target : ((target as { form?: HTMLFormElement | null } | null)?.form ?? target?.querySelector("form"));
    if (!form) return;
    let field = form.elements.namedItem(name);
    if (!field && make) {
      field = Object.assign(document.createElement("input"), { type: "hidden", name });
      form.append(field as HTMLElement);
    }
    if (field instanceof HTMLInputElement) field.value = value;
  }
}
