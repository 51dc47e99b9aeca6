// @ts-check
// A guess and the answer: whether a guess can be one, what to say of it, and which reply fits.

import { capital, counted, written } from "./words.js";

/** @import { Choice, Curve, Guess, NumberQuestion, Order, Question, Scale, Scales, Sketch } from "./types.d.ts" */

/** @typedef {{ verdict: string, reply: string }} Comparison */

const NEAR = 1.1; // factor within which a number counts as nearly right
const NEAR_LOG = 1.25; // on a logarithmic slider
const NEAR_SHARE = 0.05; // of the slider, where a ratio makes no sense

/**
 * Whether a stored guess fits the question: it may be of an earlier version of the lesson.
 * @param {Question} question @param {Guess | null | undefined} guess
 */
export function fits(question, guess) {
  if (question.kind === "choice") return isIndex(guess, question.options.length);
  if (question.kind === "number") return typeof guess === "number" && Number.isFinite(guess);
  if (question.kind === "order") return isOrder(guess, question.items.length);
  const curve = /** @type {Curve | null | undefined} */ (guess);
  return isNumbers(curve?.x) && isNumbers(curve?.y) && curve.x.length === curve.y.length && curve.x.length > 1;
}

/** @param {unknown} value @param {number} count */
function isIndex(value, count) { return Number.isInteger(value) && Number(value) >= 0 && Number(value) < count; }

/** @param {unknown} value @returns {value is number[]} */
function isNumbers(value) { return Array.isArray(value) && value.every(Number.isFinite); }

/** @param {unknown} value @param {number} count */
function isOrder(value, count) {
  return isNumbers(value) && value.length === count && [...value].sort((a, b) => a - b).every((item, i) => item === i);
}

/**
 * @param {Question} question whose answer is there @param {Guess} guess
 * @param {Scales} [scales] of the chart, for a sketch
 * @returns {Comparison}
 */
export function compare(question, guess, scales) {
  if (question.kind === "choice") return compareChoice(question, Number(guess));
  if (question.kind === "number") return compareNumber(question, Number(guess));
  if (question.kind === "order") return compareOrder(question, /** @type {number[]} */ (guess));
  return compareSketch(question, /** @type {Curve} */ (guess), scales ?? scalesOf(question));
}

/** What was guessed, while there is nothing yet to compare it with. @param {Question} question @param {Guess} guess */
export function repeated(question, guess) {
  if (question.kind === "choice") return `You chose “${question.options[Number(guess)]}”.`;
  if (question.kind === "number") return `You said ${counted(Number(guess), question.unit)}.`;
  if (question.kind === "order") return `Your order is ${listed(question, /** @type {number[]} */ (guess))}.`;
  return "Your sketch is on the chart.";
}

/** The answer in a sentence, for those who did not guess. @param {Question} question */
export function stated(question) {
  if (question.answer === null || question.answer === undefined) return "";
  if (question.kind === "choice") return `The answer is “${question.options[question.answer]}”.`;
  if (question.kind === "number") return `${capital(question.was)} ${counted(question.answer, question.unit)}.`;
  if (question.kind === "order") return `The right order is ${listed(question, question.answer)}.`;
  return "The chart shows the answer.";
}

/** @param {Choice} question @param {number} guess @returns {Comparison} */
function compareChoice(question, guess) {
  const said = `You chose “${question.options[guess]}”`;
  if (guess === question.answer) return { verdict: `${said}. That is right.`, reply: "" };
  const answer = question.options[Number(question.answer)];
  return { verdict: `${said}. The answer is “${answer}”.`, reply: question.replies[String(guess)] ?? "" };
}

/** @param {NumberQuestion} question @param {number} guess @returns {Comparison} */
function compareNumber(question, guess) {
  const answer = Number(question.answer);
  const said = `You said ${counted(guess, question.unit)}, ${question.was} ${written(answer)}`;
  const { text, near } = difference(question, guess, answer);
  return { verdict: `${said}: ${text}.`, reply: near ? "" : replyToNumber(question, guess, answer) };
}

/** By how much a number is wrong, in words. @param {NumberQuestion} question @param {number} guess @param {number} answer */
function difference(question, guess, answer) {
  if (written(guess) === written(answer)) return { text: "exactly right", near: true };
  const side = guess > answer ? question.more : question.less;
  if (guess > 0 && answer > 0) {
    const ratio = Math.max(guess / answer, answer / guess);
    const near = ratio <= (question.log ? NEAR_LOG : NEAR);
    const text = ratio >= 2 ? `${written(ratio, 2)} times ${side}` : `${percentage(guess, answer)} ${side}`;
    return { text: near ? `nearly right, ${text}` : text, near };
  }
  const gap = Math.abs(guess - answer);
  const near = !question.log && gap <= NEAR_SHARE * (question.high - question.low);
  const text = `${side} by ${counted(gap, question.unit, 2)}`;
  return { text: near ? `nearly right, ${text}` : text, near };
}

/** @param {number} guess @param {number} answer */
function percentage(guess, answer) { return `${written(100 * Math.abs(guess / answer - 1), 2)} %`; }

/**
 * The reply whose factor the guess goes beyond; of several the most extreme. A ratio needs two positive numbers: of
 * others, `beyond` stands for any guess that is too large, `below` for any that is too small.
 * @param {NumberQuestion} question @param {number} guess @param {number} answer
 */
function replyToNumber(question, guess, answer) {
  const positive = guess > 0 && answer > 0;
  const fitting = question.replies.filter(({ beyond, below }) => {
    if (beyond !== undefined) return positive ? guess > beyond * answer : guess > answer;
    return below !== undefined && (positive ? guess < below * answer : guess < answer);
  });
  const extreme = (/** @type {typeof fitting[0]} */ { beyond, below }) => Math.abs(Math.log(beyond ?? below ?? 1));
  return fitting.sort((a, b) => extreme(b) - extreme(a))[0]?.text ?? "";
}

/** @param {Order} question @param {number[]} guess @returns {Comparison} */
function compareOrder(question, guess) {
  const answer = question.answer ?? [];
  const said = `Your order was ${listed(question, guess)}`;
  const right = guess.filter((item, i) => item === answer[i]).length;
  if (right === answer.length) return { verdict: `${said}. That is right.`, reply: "" };
  const places = right === 0 ? "None is in its place" : right === 1 ? "One is in its place" : `${right} are in their places`;
  const reply = question.replies.find(({ order }) => order.every((item, i) => item === guess[i]));
  return {
    verdict: `${said}. The right order is ${listed(question, answer)}. ${places}.`,
    reply: reply?.text ?? "",
  };
}

/** @param {Order} question @param {number[]} order */
function listed(question, order) { return order.map((item) => `“${question.items[item]}”`).join(", "); }

/** @param {Sketch} question @param {Curve} guess @param {Scales} scales @returns {Comparison} */
function compareSketch(question, guess, scales) {
  const answer = /** @type {Curve} */ (question.answer);
  const gaps = distances(guess, answer, scales);
  if (!gaps.length) return { verdict: "Your sketch does not reach the part of the chart where the curve is.", reply: "" };
  const off = mean(gaps.map(({ gap }) => Math.abs(gap)));
  const said = `Your sketch is ${written(100 * off, 2)} % of the chart's height away from the curve on average`;
  if (off <= question.near) return { verdict: `${said}: ${off <= question.near / 2 ? "right" : "nearly right"}.`, reply: "" };
  const worst = gaps.reduce((a, b) => (Math.abs(b.gap) > Math.abs(a.gap) ? b : a));
  const where = written(worst.x, 2) + (scales.title ? ` (${scales.title})` : "");
  return {
    verdict: `${said}. It is furthest away near ${where}, where it is too ${worst.gap > 0 ? "high" : "low"}.`,
    reply: replyToSketch(question, guess, off, scales),
  };
}

/** @param {Sketch} question @param {Curve} guess @param {number} off @param {Scales} scales */
function replyToSketch(question, guess, off, scales) {
  const likenesses = question.replies.map(({ like, text }) => {
    const gaps = distances(guess, like, scales);
    return { text, off: gaps.length ? mean(gaps.map(({ gap }) => Math.abs(gap))) : Infinity };
  });
  return likenesses.filter((one) => one.off < off).sort((a, b) => a.off - b.off)[0]?.text ?? "";
}

const LOOKS = 60; // places at which two curves are compared

/**
 * Where both curves are: how far the first is above the second, as a share of the chart's height.
 * @param {Curve} one @param {Curve} other @param {Scales} scales @returns {{ x: number, gap: number }[]}
 */
export function distances(one, other, scales) {
  const [a, b] = [one, other].map((curve) => shares(curve, scales));
  if (a.length < 2 || b.length < 2) return [];
  const first = Math.max(a[0][0], b[0][0]);
  const last = Math.min(a[a.length - 1][0], b[b.length - 1][0]);
  if (!(last > first)) return [];
  return Array.from({ length: LOOKS }, (_, i) => first + ((last - first) * i) / (LOOKS - 1))
    .map((at) => ({ x: valueAt(scales.x, at), gap: between(a, at) - between(b, at) }));
}

/** The curve's points as shares of the axes, from left to right. @param {Curve} curve @param {Scales} scales @returns {[number, number][]} */
function shares({ x, y }, scales) {
  return x.map((at, i) => /** @type {[number, number]} */ ([shareAt(scales.x, at), clipped(shareAt(scales.y, y[i]))]))
    .filter(([at, height]) => Number.isFinite(at) && Number.isFinite(height)).sort((p, q) => p[0] - q[0]);
}

/** A curve that leaves the chart counts as at its edge. @param {number} height */
function clipped(height) { return Math.min(Math.max(height, 0), 1); }

/** @param {[number, number][]} points @param {number} at */
function between(points, at) {
  const right = points.findIndex(([x]) => x >= at);
  if (right <= 0) return points[right === 0 ? 0 : points.length - 1][1];
  const [x0, y0] = points[right - 1];
  const [x1, y1] = points[right];
  return x1 === x0 ? y1 : y0 + ((y1 - y0) * (at - x0)) / (x1 - x0);
}

/** Where a value stands on an axis, 0 at its low end and 1 at its high end. @param {Scale} scale @param {number} at */
export function shareAt({ low, high, log }, at) {
  if (!log) return (at - low) / (high - low);
  return at > 0 ? Math.log(at / low) / Math.log(high / low) : -Infinity;
}

/** The value that stands at such a share of an axis. @param {Scale} scale @param {number} share */
export function valueAt({ low, high, log }, share) {
  return log ? low * (high / low) ** share : low + (high - low) * share;
}

/** @param {Sketch} question @returns {Scales} */
function scalesOf({ x, y }) {
  const linear = (/** @type {number[]} */ [low, high]) => ({ low, high, log: false });
  return { x: linear(x), y: linear(y) };
}

/** @param {number[]} values */
function mean(values) { return values.reduce((a, b) => a + b, 0) / values.length; }
