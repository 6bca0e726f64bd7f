import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

test("the store adds at most 9.75 kB to socket.io-client, and at most 5 kB if it only knows who is here", () => {
  const report = execFileSync(process.execPath, ["size.mjs"], { encoding: "utf8" }); // throws where something is too big
  assert.match(report, /src\/presence\.ts: \d+ bytes gzip of 5000/);
  assert.match(report, /src\/index\.ts: \d+ bytes gzip of 9984/);
});
