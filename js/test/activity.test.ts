import assert from "node:assert/strict";
import { test } from "node:test";
import { Activity } from "../src/core/activity.js";

const MINUTE = 60_000;

test("active, idle after a minute, away after ten, active again with input", () => {
  const activity = new Activity(0);
  assert.equal(activity.status(MINUTE - 1), "active");
  assert.equal(activity.status(MINUTE), "idle");
  assert.equal(activity.status(10 * MINUTE), "away");
  activity.input(11 * MINUTE);
  assert.equal(activity.status(11 * MINUTE), "active");
});

test("a hidden tab is idle, not away; coming back is input", () => {
  const activity = new Activity(0);
  activity.visible(false, 1_000);
  assert.equal(activity.status(4_000), "idle");
  assert.equal(activity.status(9 * MINUTE), "idle");
  activity.visible(true, 9 * MINUTE);
  assert.equal(activity.status(9.5 * MINUTE), "active");
});

test("a tab that is hidden for less than three seconds, as every page is that is left, stays active", () => {
  const activity = new Activity(0);
  activity.visible(false, 1_000);
  assert.equal(activity.status(3_999), "active");
  assert.equal(activity.nextMs(1_000), 3_000);
  activity.visible(true, 3_999);
  assert.equal(activity.status(4_000), "active");
});

test("a tab that is opened in the background is idle from the start", () => {
  assert.equal(new Activity(0, true).status(0), "idle");
});

test("it tells when to look again, and never when nothing will change by itself", () => {
  const activity = new Activity(0);
  assert.equal(activity.nextMs(20_000), 40_000);
  assert.equal(activity.nextMs(2 * MINUTE), 8 * MINUTE);
  assert.equal(activity.nextMs(10 * MINUTE), null);
  assert.equal(new Activity(0, true).nextMs(0), 10 * MINUTE);
});
