// Text, tables, pictures for paper, and what arrives.
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { shareOf, stepOf, valueAt } from "../../ntkviz/ui/stage/forms.js";
import { shown } from "../../ntkviz/ui/stage/numbers.js";
import { legendLines, paper, setting } from "../../ntkviz/ui/stage/picture.js";
import { blank, curveOf, drawnPart, heightNear, stroke } from "../../ntkviz/ui/stage/sketch.js";
import { cell, distinct, table } from "../../ntkviz/ui/stage/table.js";
import { isDark, recolour } from "../../ntkviz/ui/stage/theme.js";
import { same, unwrap } from "../../ntkviz/ui/stage/unpack.js";
import { counted, fold, safe, written } from "../../ntkviz/ui/stage/words.js";

test("numbers are written as on the rest of the page", () => {
  const values = [-1.9987, 0.0432, 1234.5, 1.7e8, 139, 0, 0.0004, NaN, 99_990, 99_949, -12, 999.5, 0.00099951, -0];
  const texts = ["−2", "0.0432", "1230", "1.7 × 10⁸", "139", "0", "4 × 10⁻⁴", "–", "1 × 10⁵", "99900", "−12", "1000", "0.001", "0"];
  assert.deepEqual(values.map((value) => written(value)), texts);
  assert.deepEqual([counted(1, "steps"), counted(2, "steps"), counted(1, "ms"), counted(1, "")], ["1 step", "2 steps", "1 ms", "1"]);
});

test("of HTML four tags are kept, and no attribute", () => {
  assert.equal(safe("f<sub>k</sub> <i>a</i>"), "f<sub>k</sub> <i>a</i>");
  assert.equal(safe('<img src=x onerror="a()"><sub onclick=x>'), "&lt;img src=x onerror=&quot;a()&quot;&gt;&lt;sub onclick=x&gt;");
});

test("long lines are folded between parts", () => {
  assert.deepEqual(fold(["aaa", "bbb", "ccc"], 9), ["aaa · bbb", "ccc"]);
});

test("a table names each series once and its settings first", () => {
  const traces = [
    { name: "a", x: [1, 2], y: new Float32Array([3, 4]) }, { name: "a", y: [5] },
    { name: "k<sub>1</sub>", x: ["u", "v"], y: [0], z: [new Float32Array([7, 8])] },
  ];
  assert.deepEqual(table([["width", "8"], ["note", "two\nlines"]], traces).split("\n"), [
    "# width: 8", "# note: two lines", "series,x,y,z",
    "a,1,3,", "a,2,4,", "a (2),0,5,", "k1,u,0,7", "k1,v,0,8",
  ]);
  assert.deepEqual(distinct(["a", "a", "a (2)", "a"]), ["a", "a (2)", "a (2) (2)", "a (3)"]);
});

test("no cell is a formula to a spreadsheet", () => {
  assert.deepEqual(["=1+1", "+a", "-a", "@a", "\ta", "-1.5", "+2", "a,b", 'say "a"', -3, null].map(cell),
    ["'=1+1", "'+a", "'-a", "'@a", "'\ta", "-1.5", "+2", '"a,b"', '"say ""a"""', "-3", ""]);
});

test("a picture for paper carries its prompt and one footer", () => {
  const layout = { height: 300, template: { layout: { margin: { t: 12, b: 56 } } }, annotations: [{ text: "kept" }] };
  const made = paper({ data: [], layout }, "Follow f<sub>k</sub>.", [["lesson", "Toy"], ["step k", "14"], ["note", "Thinned."]]);
  assert.equal(made.layout.title.text, "Follow f<sub>k</sub>.");
  assert.deepEqual(made.layout.annotations.map((/** @type {any} */ one) => one.text), ["kept", "Toy · step k = 14 · Thinned."]);
  assert.ok(made.height > 300 && made.layout.margin.b > 56 && made.layout.margin.t > 12);
  assert.equal(setting(["step k =", "14"]), "step k = 14");
});

test("a legend above the plot has room under the prompt", () => {
  const lines = (/** @type {string[]} */ names, layout = {}) => legendLines(names.map((name) => ({ name })), layout);
  assert.deepEqual([lines([]), lines(["a"]), lines(["a", "b"]), lines(Array(12).fill("frequency 1"))], [0, 0, 1, 3]);
  assert.deepEqual([lines(["a", "b"], { showlegend: false }), lines(["a", "b"], { legend: { y: 0.9 } })], [0, 0]);
});

test("a message comes apart into its line and its charts", async () => {
  const charts = [{ name: "a", alt: "ä" }, { name: "b" }].map((chart) => gzipSync(JSON.stringify(chart)));
  const line = JSON.stringify({ charts: [["a", charts[0].length], ["b", charts[1].length]], title: "T" });
  const bytes = new Uint8Array(Buffer.concat([Buffer.from(`${line}\n`), ...charts]));
  const message = await unwrap(bytes);
  assert.deepEqual(message.charts.map(({ name, alt }) => [name, alt]), [["a", "ä"], ["b", undefined]]);
  assert.ok(same(bytes, bytes.slice()) && !same(bytes, bytes.slice(1)) && !same(undefined, bytes));
});

test("dark pages exchange colours, and packed arrays stay", () => {
  const packed = { bdata: "#000", dtype: "f4" };
  assert.deepEqual(recolour({ a: ["#000", 1, null], packed }, { "#000": "#FFF" }), { a: ["#FFF", 1, null], packed });
  assert.deepEqual(["rgb(15, 20, 25)", "rgb(255, 255, 255)", undefined].map(isDark), [true, false, false]);
});

test("numbers that give the answer away wait for the guess", () => {
  const parts = [{ answer: true, text: "a" }, { answer: false, text: "b" }];
  assert.deepEqual([shown(parts, false).length, shown(parts, true).length], [1, 2]);
});

const slider = (/** @type {number} */ low, /** @type {number} */ high) => /** @type {any} */ ({ low, high });

test("a logarithmic slider gives values to two digits, a linear one moves by round steps", () => {
  assert.deepEqual([0, 0.25, 0.5, 0.61, 1].map((share) => valueAt(slider(1, 10_000), share)), [1, 10, 100, 280, 10_000]);
  assert.equal(valueAt(slider(0.01, 1), 0.6), 0.16);
  assert.deepEqual([shareOf(slider(1, 100), 10), shareOf(slider(1, 100), 1000)], [0.5, 1]);
  assert.deepEqual([slider(0, 1), slider(-3, 0), slider(0, 40), slider(0, 100)].map(stepOf), [0.01, 0.05, 1, 1]);
});

test("strokes make a curve, a later one over an earlier", () => {
  const heights = blank();
  assert.equal(drawnPart(heights), null);
  assert.equal(heightNear(heights, 3), 0.5);
  stroke(heights, [0.05, 0], [0.5, 1]);
  stroke(heights, [0.9, 0.2], [0.5, 0.2]);
  stroke(heights, [0.95, 7], [0.95, 7]);
  const points = /** @type {[number, number][]} */ (drawnPart(heights));
  assert.deepEqual([points[0][0], points[points.length - 1]], [0, [1, 1]], "the ends are continued, the heights kept in the chart");
  assert.ok(Math.abs(heights[20] - (0.25 - 0.05) / 0.45) < 1e-9);
  assert.equal(heights[40], 0.2);
  assert.equal(heightNear(heights, 0), heights[4]);
  const scales = { x: { low: 1, high: 100, log: true }, y: { low: 0, high: 10, log: false } };
  assert.deepEqual(curveOf([[0, 0], [0.5, 0.5], [1, 1]], scales), { x: [1, 10, 100], y: [0, 5, 10] });
});
