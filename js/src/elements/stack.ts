/*
 * Which toasts stand on the screen: at most three, the others wait. When many wait they become one line; what is critical never does.
 *
 * Pure but for the ids: what arrives and what goes in, what to show out.
 */
import type { Notification } from "../core/wire.js";

export const MOST = 3;

export interface Summary {
  readonly id: "several";
  readonly count: number;
}
export type Toast = Notification | Summary;

export class Stack {
  #shown: Toast[] = [];
  #waiting: Notification[] = [];

  /** Oldest first. */
  get shown(): readonly Toast[] {
    return this.#shown;
  }

  add(item: Notification): void {
    if (item.critical) this.#waiting.unshift(item);
    else this.#waiting.push(item);
    this.#fill();
  }

  remove(id: Toast["id"]): void {
    this.#shown = this.#shown.filter((toast) => toast.id !== id);
    this.#waiting = this.#waiting.filter((toast) => toast.id !== id);
    this.#fill();
  }

  #fill(): void {
    while (this.#shown.length < MOST && this.#waiting.length) {
      const plain = this.#waiting.filter(({ critical }) => !critical);
      if (this.#waiting[0]?.critical || plain.length <= MOST) this.#shown.push(this.#waiting.shift() as Notification);
      else {
        const before = this.#shown.find((toast): toast is Summary => toast.id === "several");
        this.#shown = [...this.#shown.filter((toast) => toast !== before), { id: "several", count: (before?.count ?? 0) + plain.length }];
        this.#waiting = this.#waiting.filter(({ critical }) => critical);
      }
    }
  }
}
