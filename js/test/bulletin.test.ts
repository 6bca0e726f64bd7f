import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Bulletin, FIRST_MS, PAUSE_MS } from "../src/elements/bulletin.js";

const ann = { id: "1", name: "Ann" };
const bob = { id: "2", name: "Bob" };
const cid = { id: "3", name: "Cid" };

function bulletin(context: TestContext): { board: Bulletin; said: string[]; tick: (ms: number) => void } {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const said: string[] = [];
  return { board: new Bulletin((sentence) => said.push(sentence)), said, tick: (ms) => context.mock.timers.tick(ms) };
}

test("what happens close together is one sentence", (context) => {
  const { board, said, tick } = bulletin(context);
  board.enter(ann);
  board.enter(bob);
  board.leave(cid);
  assert.deepEqual(said, []);
  tick(FIRST_MS);
  assert.deepEqual(said, ["Ann and Bob are here. Cid left"]);
});

test("many are only counted", (context) => {
  const { board, said, tick } = bulletin(context);
  for (const person of [ann, bob, cid]) board.enter(person);
  tick(FIRST_MS);
  assert.deepEqual(said, ["3 people came"]);
});

test("who came and went is not mentioned, nor who went and came back", (context) => {
  const { board, said, tick } = bulletin(context);
  board.enter(ann);
  board.leave(ann);
  board.leave(bob);
  board.enter(bob);
  tick(FIRST_MS);
  assert.deepEqual(said, []);
});

test("after a sentence there is a pause", (context) => {
  const { board, said, tick } = bulletin(context);
  board.enter(ann);
  tick(FIRST_MS);
  board.enter(bob);
  tick(FIRST_MS);
  assert.deepEqual(said, ["Ann is here"]);
  tick(PAUSE_MS - FIRST_MS);
  assert.deepEqual(said, ["Ann is here", "Bob is here"]);
});

test("a stopped bulletin says nothing more", (context) => {
  const { board, said, tick } = bulletin(context);
  board.enter(ann);
  board.stop();
  tick(PAUSE_MS);
  assert.deepEqual(said, []);
});
