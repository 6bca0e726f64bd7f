import assert from "node:assert/strict";
import { test } from "node:test";

test("the elements can be imported where there is no page", async () => {
  const { AlsoHere, texts } = await import("../src/elements/index.js");
  assert.equal(typeof AlsoHere, "function");
  assert.equal(texts.online(3), "3 online");
});
