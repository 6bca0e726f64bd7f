import assert from "node:assert/strict";
import { test } from "node:test";
import type { Notification } from "../src/core/wire.js";
import { Stack } from "../src/elements/stack.js";

const item = (id: number, more: Partial<Notification> = {}): Notification => ({ id, category: "c", created_at: id, ...more });
const shown = (stack: Stack): string => stack.shown.map((toast) => (toast.id === "several" ? `+${toast.count}` : toast.id)).join(" ");
const filled = (...items: Notification[]): Stack => {
  const stack = new Stack();
  for (const one of items) stack.add(one);
  return stack;
};

test("three at a time, the others in their order", () => {
  const stack = filled(item(1), item(2), item(3), item(4));
  assert.equal(shown(stack), "1 2 3");
  stack.remove(2);
  assert.equal(shown(stack), "1 3 4");
});

test("many that wait become one line", () => {
  const stack = filled(...[1, 2, 3, 4, 5, 6, 7, 8].map((id) => item(id)));
  stack.remove(1);
  assert.equal(shown(stack), "2 3 +5");
  for (const id of [9, 10, 11, 12]) stack.add(item(id));
  stack.remove(2);
  assert.equal(shown(stack), "3 +9");
});

test("what is critical is first, and by itself", () => {
  const stack = filled(...[1, 2, 3, 4, 5, 6, 7].map((id) => item(id)), item(8, { critical: true }));
  stack.remove(1);
  assert.equal(shown(stack), "2 3 8");
});

test("what is recalled while it waits is not shown", () => {
  const stack = filled(item(1), item(2), item(3), item(4));
  stack.remove(4);
  stack.remove(1);
  assert.equal(shown(stack), "2 3");
});
