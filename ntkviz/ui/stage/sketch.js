// @ts-check
// Draw a curve on the empty chart: with the mouse, with a finger, or by handles that the arrow keys move.

import { button, element } from "./dom.js";
import { valueAt } from "./score.js";
import { written } from "./words.js";

/** @import { Cell } from "./cell.js" */
/** @import { Curve, Form, Guess, Scales, Sketch } from "./types.d.ts" */

export const COLUMNS = 81;
const HANDLES = 7;
const ENOUGH = 0.5; // share of the width that a sketch must cover
const NEAR_END = 0.1; // share of the width: an end that is as near was meant
/** @type {{ [key: string]: number }} */
const KEYS = { ArrowUp: 0.02, ArrowDown: -0.02, ArrowRight: 0.02, ArrowLeft: -0.02, PageUp: 0.1, PageDown: -0.1, Home: -1, End: 1 };

/** Heights of a curve, one a column, as shares of the chart; NaN where nothing is drawn. @typedef {Float64Array} Heights */

/** @returns {Heights} */
export function blank() { return new Float64Array(COLUMNS).fill(NaN); }

/**
 * Draw a stroke from one point to the next, over what was there; points are shares of width and height.
 * @param {Heights} heights @param {[number, number]} from @param {[number, number]} to
 */
export function stroke(heights, from, to) {
  const [[x0, y0], [x1, y1]] = from[0] <= to[0] ? [from, to] : [to, from];
  const [first, last] = [x0, x1].map((x) => Math.round(within(x) * (COLUMNS - 1)));
  for (let i = first; i <= last; i++) {
    const at = x1 > x0 ? within((i / (COLUMNS - 1) - x0) / (x1 - x0)) : 1;
    heights[i] = within(y0 + (y1 - y0) * at);
  }
}

/**
 * The points of the drawn part, continued to an end of the chart that it nearly reaches; null where too little is drawn.
 * @param {Heights} heights @returns {[number, number][] | null}
 */
export function drawnPart(heights) {
  /** @type {[number, number][]} */
  const points = [];
  heights.forEach((height, i) => { if (!Number.isNaN(height)) points.push([i / (COLUMNS - 1), height]); });
  if (points.length < 2) return null;
  const [first, last] = [points[0], points[points.length - 1]];
  if (last[0] - first[0] < ENOUGH) return null;
  if (first[0] > 0 && first[0] <= NEAR_END) points.unshift([0, first[1]]);
  if (last[0] < 1 && last[0] >= 1 - NEAR_END) points.push([1, last[1]]);
  return points;
}

/** The height at a column, or at the nearest where something is drawn; the middle of an empty chart. @param {Heights} heights @param {number} column */
export function heightNear(heights, column) {
  for (let by = 0; by < COLUMNS; by++) {
    for (const i of [column - by, column + by]) if (i >= 0 && i < COLUMNS && !Number.isNaN(heights[i])) return heights[i];
  }
  return 0.5;
}

/** @param {[number, number][]} points @param {Scales} scales @returns {Curve} */
export function curveOf(points, { x, y }) {
  return { x: points.map(([at]) => rounded(valueAt(x, at))), y: points.map(([, height]) => rounded(valueAt(y, height))) };
}

/** @param {number} number */
function rounded(number) { return Number(number.toPrecision(5)); }

/** @param {number} share */
function within(share) { return Math.min(Math.max(share, 0), 1); }

/** The surface over a chart on which the curve is drawn. */
class Pad {
  /** @param {Sketch} question @param {Cell} cell @param {() => void} changed */
  constructor(question, cell, changed) {
    this.question = question;
    this.cell = cell;
    this.changed = changed;
    this.heights = blank();
    this.node = element("div", "stage-pad");
    this.surface = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.surface.setAttribute("preserveAspectRatio", "none");
    this.surface.setAttribute("viewBox", "0 0 1 1");
    this.surface.setAttribute("aria-hidden", "true");
    this.path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    this.surface.append(this.path);
    this.hint = element("p", "stage-pad-hint", "Draw your curve here");
    this.handles = Array.from({ length: HANDLES }, (_, i) => this.handle(i));
    this.node.append(this.surface, this.hint, ...this.handles);
    this.listen();
    this.place = this.place.bind(this);
    cell.after.add(this.place);
    cell.holder.append(this.node);
    cell.node.classList.add("stage-is-asked");
    this.place();
    this.show();
  }

  get scales() { return this.cell.scales(this.question); }

  /** @param {number} i */
  column(i) { return Math.round((i * (COLUMNS - 1)) / (HANDLES - 1)); }

  /** @param {number} i */
  handle(i) {
    const made = element("div", "stage-handle");
    made.tabIndex = 0;
    made.setAttribute("role", "slider");
    made.setAttribute("aria-orientation", "vertical");
    made.setAttribute("aria-valuemin", "0");
    made.setAttribute("aria-valuemax", "100");
    made.onkeydown = (event) => {
      const by = KEYS[event.key];
      if (by === undefined) return;
      event.preventDefault();
      this.lift(i, by);
    };
    return made;
  }

  /** Move a handle; the curve then runs straight between the handles beside it. @param {number} i @param {number} by */
  lift(i, by) {
    this.heights = this.heights.map((_, column) => heightNear(this.heights, column));
    const at = (/** @type {number} */ k) => /** @type {[number, number]} */ ([this.column(k) / (COLUMNS - 1), this.height(k)]);
    const moved = /** @type {[number, number]} */ ([this.column(i) / (COLUMNS - 1), within(this.height(i) + by)]);
    if (i > 0) stroke(this.heights, at(i - 1), moved);
    if (i < HANDLES - 1) stroke(this.heights, moved, at(i + 1));
    this.show();
    this.changed();
  }

  /** @param {number} i */
  height(i) { return heightNear(this.heights, this.column(i)); }

  listen() {
    /** @type {[number, number] | null} */
    let last = null;
    const at = (/** @type {PointerEvent} */ event) => {
      const { left, top, width, height } = this.node.getBoundingClientRect();
      return /** @type {[number, number]} */ ([(event.clientX - left) / width, 1 - (event.clientY - top) / height]);
    };
    this.node.onpointerdown = (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      this.node.setPointerCapture(event.pointerId);
      last = at(event);
      stroke(this.heights, last, last);
      this.show();
    };
    this.node.onpointermove = (event) => {
      if (!last) return;
      for (const point of event.getCoalescedEvents?.() ?? [event]) {
        const next = at(point);
        stroke(this.heights, last, next);
        last = next;
      }
      this.show();
    };
    this.node.onlostpointercapture = () => {
      last = null;
      this.changed();
    };
  }

  /** Over the part of the plot that the question is about. */
  place() {
    const layout = this.cell.plot._fullLayout;
    if (!layout?.xaxis) return;
    const { x, y } = this.question;
    const [left, right] = x.map((at) => pixel(layout.xaxis, at)).sort((a, b) => a - b);
    const [top, bottom] = y.map((at) => pixel(layout.yaxis, at)).sort((a, b) => a - b);
    Object.assign(this.node.style, { left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px` });
  }

  show() {
    const points = Array.from(this.heights, (height, i) => /** @type {const} */ ([i / (COLUMNS - 1), height]))
      .filter(([, height]) => !Number.isNaN(height));
    this.path.setAttribute("d", points.map(([x, height], i) => `${i ? "L" : "M"}${x.toFixed(4)} ${(1 - height).toFixed(4)}`).join(""));
    this.hint.hidden = points.length > 0;
    const { x, y, title } = this.scales;
    this.handles.forEach((handle, i) => {
      const share = i / (HANDLES - 1);
      const height = this.height(i);
      Object.assign(handle.style, { left: `${100 * share}%`, top: `${100 * (1 - height)}%` });
      handle.setAttribute("aria-label", `Your curve at ${written(valueAt(x, share), 2)}${title ? ` (${title})` : ""}`);
      handle.setAttribute("aria-valuenow", String(Math.round(100 * height)));
      handle.setAttribute("aria-valuetext", written(valueAt(y, height), 2));
    });
  }

  clear() {
    this.heights = blank();
    this.show();
    this.changed();
  }

  remove() {
    this.cell.after.delete(this.place);
    this.cell.node.classList.remove("stage-is-asked");
    this.node.remove();
  }
}

/** Where a value stands, in px from the left or the top of the plot. @param {any} axis of Plotly @param {number} at */
function pixel(axis, at) {
  const share = ((axis.type === "log" ? Math.log10(at) : at) - axis.range[0]) / (axis.range[1] - axis.range[0]);
  return axis._offset + axis._length * (axis._id.startsWith("y") ? 1 - share : share);
}

/**
 * @param {Sketch} question @param {Cell} cell @param {() => void} changed @param {HTMLButtonElement} submit
 * @param {HTMLElement} actions where buttons of the question stand
 * @returns {Form}
 */
export function sketchForm(question, cell, changed, submit, actions) {
  const node = element("div", "stage-sketch-form");
  const pad = new Pad(question, cell, changed);
  const there = button("Go to the chart", () => {
    cell.node.scrollIntoView({ block: "center", behavior: "smooth" });
    pad.handles[0].focus({ preventScroll: true });
  });
  const words = "Draw your curve on the chart with the mouse or a finger, from left to right. "
    + "With the keyboard, go from dot to dot with the Tab key and move each with ↑ and ↓.";
  node.append(element("p", "stage-hint", words));
  actions.prepend(there);
  const bar = element("div", "stage-actions");
  bar.append(submit, button("Draw again", () => pad.clear()));
  cell.foot.prepend(bar);
  return {
    node,
    value: () => {
      const points = drawnPart(pad.heights);
      return points && curveOf(points, pad.scales);
    },
    remove: () => {
      pad.remove();
      bar.remove();
      node.remove();
    },
  };
}
