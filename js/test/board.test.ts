import assert from "node:assert/strict";
import { test } from "node:test";
import { path, plain, steady, titled } from "../src/elements/board.js";

test("a title is what the page says, by a map or a function", () => {
  assert.equal(titled("/a", { "/a": "A" }), "A");
  assert.equal(titled("/b", { "/a": "A" }), null);
  assert.equal(titled("constructor", {}), null);
  assert.equal(titled("/a", (room) => room.toUpperCase()), "/A");
  assert.equal(titled("/a", () => undefined), null);
});

for (const [room, prefix, name] of [
  ["/posts/hello-world", "/posts/", "hello-world"],
  ["/posts/caf%C3%A9", "/posts/", "café"],
  ["/posts/100%", "/posts/", "100%"],
  ["/posts/", "/posts/", "/posts/"],
  ["lobby", "", "lobby"],
] as const) {
  test(`without a title ${room} is called ${name}`, () => assert.equal(plain(room, prefix), name));
}

for (const room of ["//evil.example/x", "/\\evil.example", "javascript:alert(1)", "https://evil.example/", "lobby", "@online"]) {
  test(`${room} is no link`, () => assert.equal(path(room), null));
}

test("a path is a link to itself", () => assert.equal(path("/posts/1?x=<b>"), "/posts/1?x=<b>"));

test("while somebody points at it only the numbers change, who left keeps the place, and who is new comes last", () => {
  const rooms = ["c", "a", "d"].map((room, index) => ({ room, count: 9 - index }));
  assert.deepEqual(steady(rooms, ["a", "b", "c"]), [
    { room: "a", count: 8 },
    { room: "b", count: 0 },
    { room: "c", count: 9 },
    { room: "d", count: 7 },
  ]);
});
