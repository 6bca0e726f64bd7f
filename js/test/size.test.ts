import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

test("the store adds at most 9.25 kB to socket.io-client", () => {
  const report = execFileSync(process.execPath, ["size.mjs"], { encoding: "utf8" }); // throws where something is too big
  assert.match(report, /src\/index\.ts: \d+ bytes gzip of 9472/);
});
