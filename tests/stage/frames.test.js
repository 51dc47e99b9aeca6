// Which traces a chart draws, with which rows, and which frame comes first.
import assert from "node:assert/strict";
import { test } from "node:test";

import { figureAt, firstFrame, framesOf, isBlank, nearest } from "../../ntkviz/ui/stage/frames.js";

/** @param {number[]} shape @param {number[]} values */
function packed(shape, values) {
  return { shape, float32: Buffer.from(new Float32Array(values).buffer).toString("base64") };
}

const CHART = /** @type {any} */ ({
  answers: ["network"], cursor: null, layout_answer: { xaxis: { range: [0, 9] } },
  frames: { network: { y: packed([2, 3], [1, 2, 3, 4, 5, 6]) }, kernel: { z: packed([2, 1, 2], [1, 2, 3, 4]) } },
});
const FIGURE = /** @type {any} */ ({
  data: [{ name: "theory", y: [0] }, { name: "network", y: [0] }, { name: "kernel", z: [] }],
  layout: { xaxis: { range: [0, 1], title: "x" } },
});

test("each trace moves with its own rows, wherever it stands", () => {
  const { data } = figureAt(FIGURE, CHART, framesOf(CHART), 1, true);
  assert.deepEqual(data.map((trace) => trace.name), ["theory", "network", "kernel"]);
  assert.deepEqual(data[0].y, [0]);
  assert.deepEqual([...data[1].y], [4, 5, 6]);
  assert.deepEqual(data[2].z.map((/** @type {Float32Array} */ row) => [...row]), [[3, 4]]);
  assert.deepEqual(FIGURE.data[1].y, [0], "the figure itself stays");
});

test("before the guess, what belongs to the answer is left out", () => {
  const closed = figureAt(FIGURE, CHART, framesOf(CHART), 0, false);
  assert.deepEqual(closed.data.map((trace) => trace.name), ["theory", "kernel"]);
  assert.deepEqual(closed.layout.xaxis, { range: [0, 1], title: "x" });
  assert.deepEqual(figureAt(FIGURE, CHART, framesOf(CHART), 0, true).layout.xaxis, { range: [0, 9], title: "x" });
});

test("an axis of an empty chart has no numbers unless they mean something", () => {
  const all = { ...CHART, answers: ["theory", "network", "kernel"] };
  const { layout } = figureAt(FIGURE, all, framesOf(all), 0, false);
  assert.equal(layout.yaxis?.showticklabels, false);
  assert.equal(layout.xaxis?.showticklabels, undefined);
});

test("a click goes to the frame whose cursor is nearest on the axis", () => {
  assert.equal(nearest([1, 10, 100], 40, false), 1);
  assert.equal(nearest([1, 10, 100], 40, true), 2);
  assert.equal(nearest([0, 10, 100], 0, true), 0);
});

const SCRUB = { label: "step", values: ["0", "1", "2", "3"], start: 2, play: true };
const now = { scrub: SCRUB, preset: "a" };

test("the frame of a new picture", () => {
  const before = { scrub: SCRUB, preset: "a", frame: 3 };
  assert.equal(firstFrame(now, null, null), 2, "its own");
  assert.equal(firstFrame(now, null, 1), 1, "that of the link");
  assert.equal(firstFrame(now, before, null), 3, "the present one");
  assert.equal(firstFrame({ ...now, preset: "b" }, before, null), 2, "another preset");
  assert.equal(firstFrame({ ...now, scrub: { ...SCRUB, label: "mode" } }, before, null), 2, "another slider");
  assert.equal(firstFrame({ ...now, scrub: { ...SCRUB, values: ["0", "1", "2"] } }, before, null), 2, "other values");
  assert.equal(firstFrame(now, { scrub: null, preset: "a", frame: null }, null), 2, "no slider before");
});

test("a chart without traces is blank only where its axes say nothing either", () => {
  const axes = { xaxis: { range: [0, 1] } };
  assert.equal(isBlank({ data: [], layout: {} }), true);
  assert.equal(isBlank({ data: [], layout: axes }), false);
  assert.equal(isBlank({ data: [], layout: { yaxis: { range: [0, 1] } } }), false);
  assert.equal(isBlank({ data: [{ name: "theory" }], layout: {} }), false);
});
