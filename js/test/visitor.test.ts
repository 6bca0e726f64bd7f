import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { visitorId } from "../src/core/visitor.js";

const VALID = /^[A-Za-z0-9_-]{8,64}$/;
const page = globalThis as { localStorage?: unknown };

function storage(value: unknown): void {
  Object.defineProperty(page, "localStorage", { configurable: true, value });
}

class Shelf {
  items = new Map<string, string>();
  getItem = (key: string): string | null => this.items.get(key) ?? null;
  setItem = (key: string, value: string): void => void this.items.set(key, value);
}

afterEach(() => Reflect.deleteProperty(page, "localStorage"));

test("an id is made once and kept for all tabs", () => {
  const shelf = new Shelf();
  storage(shelf);
  const id = visitorId();
  assert.match(id, VALID);
  assert.equal(shelf.items.get("alsohere.visitor"), id);
  assert.equal(visitorId(), id);
});

test("a damaged id is replaced", () => {
  const shelf = new Shelf();
  shelf.setItem("alsohere.visitor", "<script>");
  storage(shelf);
  assert.match(visitorId(), VALID);
});

test("where storage is blocked, the page keeps one id", () => {
  const blocked = {
    getItem(): never {
      throw new Error("SecurityError");
    },
  };
  storage(blocked);
  assert.equal(visitorId(), visitorId());
  assert.match(visitorId(), VALID);
});
