import assert from "node:assert/strict";
import { test } from "node:test";
import type { Notification } from "../src/core/wire.js";
import { ago, badge, bodyOf, href, language, rows, senderOf, titleOf } from "../src/elements/letter.js";

const item = (id: number, more: Partial<Notification> = {}): Notification => ({ id, category: "c", created_at: id, ...more });
const about = (id: number, more: Partial<Notification> = {}): Notification => item(id, { topic: "/p", ...more });
const shown = (...args: Parameters<typeof rows>): string =>
  rows(...args)
    .map((row) => ("digest" in row ? `${row.digest.items.length}${row.digest.more ? "+" : ""} in ${row.digest.topic}` : `${row.inside ? ">" : ""}${row.item.id}`))
    .join(" ");

test("three unread of one topic are one line, where the newest is", () => {
  assert.equal(shown([item(5), about(4), item(3), about(2), about(1)], new Map()), "5 3 in /p 3");
  assert.equal(shown([about(4), about(3), about(2), about(1)], new Map(), true), "4+ in /p");
  assert.equal(shown([about(2), about(1)], new Map()), "2 1");
  assert.equal(shown([about(3), about(2, { read_at: 1 }), about(1)], new Map()), "3 2 1");
  assert.equal(shown([about(3), about(2, { category: "d" }), about(1)], new Map()), "3 2 1");
});

test("an open one keeps what it had, also when it is read", () => {
  const open = new Map([["c /p", new Set([3, 2, 1])]]);
  assert.equal(shown([about(3), about(2), about(1)], open), "3 in /p >3 >2 >1");
  assert.equal(shown([about(4), about(3, { read_at: 1 }), about(2, { read_at: 1 }), about(1, { read_at: 1 })], open), "4 in /p >4 >3 >2 >1");
});

test("a link leads to a page, or there is none", () => {
  const base = "https://example.org/a/b";
  assert.equal(href("/post/1", base), "https://example.org/post/1");
  assert.equal(href("c?d#e", base), "https://example.org/a/c?d#e");
  assert.equal(href("http://other.example/", base), "http://other.example/");
  for (const bad of ["javascript:alert(1)", " jAvAsCrIpT:alert(1)", "java\nscript:alert(1)", "data:text/html,x", "file:///etc", "https://", "", undefined]) {
    assert.equal(href(bad, base), null, bad);
  }
});

test("words: the body where there is no title, a name that does not turn the line around", () => {
  assert.deepEqual([titleOf(item(1, { title: "t", body: "b" })), bodyOf(item(1, { title: "t", body: "b" }))], ["t", "b"]);
  assert.deepEqual([titleOf(item(1, { body: "b" })), bodyOf(item(1, { body: "b" }))], ["b", ""]);
  assert.equal(titleOf(item(1, { data: 1 })), "c");
  assert.equal(senderOf(item(1, { sender: { id: "x", name: "evil\u202e" } })), "\u2068evil\u2069");
  assert.deepEqual([badge(99), badge(100)], ["99", "99+"]);
});

test("how long ago, in the page's language, and never from the future", () => {
  const now = 1_800_000_000_000;
  const said = (seconds: number, words = "en"): string => ago(now - seconds * 1000, now, words);
  assert.deepEqual([said(-3600), said(59), said(60), said(7_199), said(86_400), said(700_000)], ["now", "now", "1 minute ago", "1 hour ago", "yesterday", "last week"]);
  assert.equal(said(180, "de"), "vor 3 Minuten");
  assert.deepEqual([language("de"), language(""), language("en_US")], ["de", undefined, undefined]);
});
