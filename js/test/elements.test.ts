import assert from "node:assert/strict";
import { test } from "node:test";

test("the elements can be imported where there is no page", async () => {
  const { AlsoHere, AlsoInbox, AlsoToasts, texts } = await import("../src/elements/index.js");
  for (const element of [AlsoHere, AlsoInbox, AlsoToasts]) assert.equal(typeof element, "function");
  assert.equal(texts.online(3), "3 online");
});
