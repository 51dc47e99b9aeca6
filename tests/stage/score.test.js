// What is said of a guess.
import assert from "node:assert/strict";
import { test } from "node:test";

import { compare, distances, fits, repeated, stated } from "../../ntkviz/ui/stage/score.js";

const NUMBER = /** @type {const} */ ({
  kind: "number", asks: "", low: 1, high: 10_000, log: true, unit: "steps", answer: 139, was: "it took",
  more: "too many", less: "too few", mark: null,
  replies: [{ beyond: 2, text: "slowest mode" }, { beyond: 10, text: "all modes" }, { below: 0.5, text: "fastest mode" }],
});
const number = (/** @type {object} */ changes = {}) =>
  /** @type {import("../../ntkviz/ui/stage/types.d.ts").NumberQuestion} */ (/** @type {unknown} */ ({ ...NUMBER, ...changes }));
const slope = (/** @type {number} */ answer) =>
  number({ answer, low: -3, high: 1, log: false, unit: "", was: "it was", more: "too large", less: "too small", replies: [] });

/** @type {[object, number, string][]} */
const VERDICTS = [
  [number(), 300, "You said 300 steps, it took 139: 2.2 times too many."],
  [number(), 60, "You said 60 steps, it took 139: 2.3 times too few."],
  [number(), 1, "You said 1 step, it took 139: 140 times too few."],
  [number(), 200, "You said 200 steps, it took 139: 44 % too many."],
  [number(), 150, "You said 150 steps, it took 139: nearly right, 7.9 % too many."],
  [number(), 139, "You said 139 steps, it took 139: exactly right."],
  [number({ answer: 139.2 }), 139, "You said 139 steps, it took 139: exactly right."],
  [number({ answer: 0, low: 0, high: 200, log: false }), 40, "You said 40 steps, it took 0: too many by 40 steps."],
  [number({ answer: 2e7 }), 1e4, "You said 10000 steps, it took 2 × 10⁷: 2000 times too few."],
  [slope(-0.5), -2, "You said −2, it was −0.5: too small by 1.5."],
  [slope(-0.5), 0.5, "You said 0.5, it was −0.5: too large by 1."],
  [slope(-0.5), -0.4, "You said −0.4, it was −0.5: nearly right, too large by 0.1."],
  [slope(0), 0, "You said 0, it was 0: exactly right."],
  [slope(0), -1, "You said −1, it was 0: too small by 1."],
];
for (const [question, guess, verdict] of VERDICTS) {
  test(verdict, () => assert.equal(compare(/** @type {any} */ (question), guess).verdict, verdict));
}

test("the reply is that of the most extreme factor which the guess goes beyond", () => {
  const reply = (/** @type {number} */ guess) => compare(number(), guess).reply;
  assert.deepEqual([150, 300, 5000, 60, 100].map(reply), ["", "slowest mode", "all modes", "fastest mode", ""]);
});

test("where a ratio makes no sense, a reply stands for its side", () => {
  const question = number({ answer: -1, log: false, low: -3, high: 1, replies: [{ beyond: 2, text: "up" }, { below: 0.5, text: "down" }] });
  assert.deepEqual([compare(question, 0.5).reply, compare(question, -2).reply], ["up", "down"]);
});

const CHOICE = /** @type {const} */ ({ kind: "choice", asks: "", options: ["A", "B", "C"], answer: 1, replies: { 2: "not C" } });

test("a choice", () => {
  const choice = /** @type {any} */ (CHOICE);
  assert.deepEqual(compare(choice, 1), { verdict: "You chose “B”. That is right.", reply: "" });
  assert.deepEqual(compare(choice, 2), { verdict: "You chose “C”. The answer is “B”.", reply: "not C" });
  assert.equal(compare(choice, 0).reply, "");
});

const ORDER = /** @type {any} */ ({
  kind: "order", asks: "", items: ["A", "B", "C"], answer: [2, 0, 1], replies: [{ order: [0, 1, 2], text: "alphabet" }],
});

test("an order", () => {
  assert.deepEqual(compare(ORDER, [2, 0, 1]), { verdict: "Your order was “C”, “A”, “B”. That is right.", reply: "" });
  assert.deepEqual(compare(ORDER, [0, 1, 2]), {
    verdict: "Your order was “A”, “B”, “C”. The right order is “C”, “A”, “B”. None is in its place.", reply: "alphabet",
  });
  assert.match(compare(ORDER, [2, 1, 0]).verdict, /One is in its place\.$/);
});

const SCALES = { x: { low: 1, high: 100, log: true }, y: { low: 0, high: 10, log: false }, title: "width n" };
const SKETCH = /** @type {any} */ ({
  kind: "sketch", asks: "", chart: "gap", x: [1, 100], y: [0, 10], near: 0.1, answer: { x: [1, 100], y: [10, 0] },
  replies: [{ like: { x: [1, 100], y: [0, 10] }, text: "rising" }, { like: { x: [1, 100], y: [9, 9] }, text: "flat" }],
});

test("a sketch is compared in shares of the chart, along a logarithmic axis", () => {
  const gaps = distances({ x: [1, 10, 100], y: [10, 5, 0] }, SKETCH.answer, SCALES);
  assert.ok(gaps.every(({ gap }) => Math.abs(gap) < 1e-9));
  const higher = distances({ x: [1, 100], y: [10, 2] }, SKETCH.answer, SCALES);
  assert.ok(Math.abs(higher[higher.length - 1].gap - 0.2) < 1e-9);
});

test("what is said of a sketch", () => {
  const right = compare(SKETCH, { x: [1, 100], y: [9.8, 0] }, SCALES);
  assert.match(right.verdict, /^Your sketch is 1 % of the chart's height away from the curve on average: right\.$/);
  const near = compare(SKETCH, { x: [1, 100], y: [8.5, 0] }, SCALES);
  assert.match(near.verdict, /: nearly right\.$/);
  const wrong = compare(SKETCH, { x: [1, 100], y: [1, 8] }, SCALES);
  assert.match(wrong.verdict, /furthest away near 1 \(width n\), where it is too low\.$/);
  assert.equal(wrong.reply, "rising");
  assert.equal(compare(SKETCH, { x: [1, 100], y: [9, 8.5] }, SCALES).reply, "flat");
  assert.equal(compare(SKETCH, { x: [200, 300], y: [1, 1] }, SCALES).reply, "");
});

test("what was guessed can be said before there is an answer, and the answer without a guess", () => {
  assert.equal(repeated(number(), 300), "You said 300 steps.");
  assert.equal(repeated(ORDER, [1, 0, 2]), "Your order is “B”, “A”, “C”.");
  assert.equal(stated(number()), "It took 139 steps.");
  assert.equal(stated(/** @type {any} */ (CHOICE)), "The answer is “B”.");
  assert.equal(stated({ .../** @type {any} */ (CHOICE), answer: null }), "");
});

test("a guess that is kept from another question fits no more", () => {
  const choice = /** @type {any} */ (CHOICE);
  assert.deepEqual([0, 3, -1, 0.5, "1", null, [1]].map((guess) => fits(choice, /** @type {any} */ (guess))),
    [true, false, false, false, false, false, false]);
  assert.deepEqual([[0, 1, 2], [0, 1], [0, 1, 1], 2].map((guess) => fits(ORDER, guess)), [true, false, false, false]);
  assert.deepEqual([3, NaN, [3]].map((guess) => fits(number(), guess)), [true, false, false]);
  const curves = [{ x: [1, 2], y: [1, 2] }, { x: [1, 2], y: [1] }, { x: [1], y: [1] }, { x: "ab", y: "ab" }, 1];
  assert.deepEqual(curves.map((guess) => fits(SKETCH, /** @type {any} */ (guess))), [true, false, false, false, false]);
});
