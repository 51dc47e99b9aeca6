// Whether the answer is shown, and where guesses are kept.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Keeper, Reveal } from "../../ntkviz/ui/stage/reveal.js";

/** A browser's storage. */
class Storage {
  constructor() { this.kept = new Map([["other", "1"]]); }
  get length() { return this.kept.size; }
  /** @param {number} i */
  key(i) { return [...this.kept.keys()][i] ?? null; }
  /** @param {string} key */
  getItem(key) { return this.kept.get(key) ?? null; }
  /** @param {string} key @param {string} value */
  setItem(key, value) { this.kept.set(key, value); }
  /** @param {string} key */
  removeItem(key) { this.kept.delete(key); }
}

/** @type {Storage} */
let storage;
/** @type {{ open: boolean, presets: string[] }} */
let page;
/** @type {Reveal} */
let store;
const keeper = () => new Keeper(() => /** @type {any} */ (storage));
const fresh = () => new Reveal(keeper(), (open, presets) => { page = { open, presets }; });
beforeEach(() => {
  storage = new Storage();
  store = fresh();
});

/** @param {string} key @param {string} ask */
function stage(key, ask, more = {}) {
  const member = { key, ask: /** @type {any} */ (ask), unanswerable: false, heard: 0, there: true,
    connected: () => member.there, changed: () => { member.heard += 1; }, ...more };
  store.join(member);
  return member;
}

test("an answer is hidden until there is a guess, and then shown after a reload too", () => {
  stage("a", "auto");
  assert.deepEqual(page, { open: false, presets: [] });
  store.keep("a", { guess: 300 });
  assert.deepEqual(page, { open: true, presets: ["a"] });
  assert.equal(storage.getItem("ntkviz.guess.a"), '{"guess":300}');
  store = fresh();
  stage("a", "auto");
  assert.deepEqual([page.open, store.guess("a")], [true, 300]);
});

test("the stages of a preset show and hide together, and hear of it", () => {
  const [one, other] = [stage("a", "auto"), stage("a", "auto")];
  store.keep("a", { guess: 1 });
  assert.ok(store.isOpen(one) && store.isOpen(other) && other.heard > 0);
});

test("another preset closes the page", () => {
  const member = stage("a", "auto");
  store.keep("a", { guess: 1 });
  member.key = "b";
  store.join(member);
  assert.deepEqual(page, { open: false, presets: [] });
});

test("a link can open, ask, or have no question", () => {
  assert.ok(store.isOpen(stage("a", "open")) && store.isOpen(stage("b", "none")));
  store.keeper.write("c", { guess: 1 });
  const asked = stage("c", "ask");
  assert.ok(!store.isOpen(asked), "although a guess is kept");
  store.keep("c", { guess: 2 });
  assert.ok(store.isOpen(asked));
});

test("without an answer at these settings everything is shown", () => {
  const [one, other] = [stage("a", "ask", { unanswerable: true }), stage("a", "ask")];
  assert.ok(store.isOpen(one) && store.isOpen(other));
});

test("show me, ask again, forget my answers", () => {
  const [a, b] = [stage("a", "open"), stage("b", "auto")];
  store.keep("b", { skipped: true });
  assert.deepEqual([store.isOpen(b), store.guess("b")], [true, null]);
  store.askAgain("a");
  assert.ok(!store.isOpen(a) && store.isOpen(b), "even where the link opens");
  store.keep("a", { guess: 1 });
  assert.ok(store.isOpen(a));
  store.forget();
  assert.ok(!store.isOpen(a) && !store.isOpen(b));
  assert.deepEqual([...storage.kept.keys()], ["other"], "what is not ours stays");
});

test("a page that is left hides what comes next", () => {
  const member = stage("a", "open");
  assert.ok(page.open);
  member.there = false;
  store.prune();
  assert.deepEqual(page, { open: false, presets: [] });
});

test("without storage, guesses last as long as the page", () => {
  store = new Reveal(new Keeper(() => { throw new Error("not allowed"); }), (open, presets) => { page = { open, presets }; });
  const member = stage("a", "auto");
  store.keep("a", { guess: 2 });
  assert.deepEqual([store.isOpen(member), store.guess("a")], [true, 2]);
  store.forget();
  assert.equal(store.keeper.read("a"), null);
});

test("what was kept by somebody else is no guess", () => {
  for (const text of ["{", "null", "3", '{"x": 1}', '{"skipped": 1}']) {
    storage.setItem("ntkviz.guess.a", text);
    assert.equal(store.keeper.read("a"), null, text);
  }
});
