// @ts-check
// A chart at a frame: which traces are drawn, with which rows, and which frame comes first.

import { rows } from "./unpack.js";

/** @import { Chart, Figure, Frames, Layout, Scrub, Trace } from "./types.d.ts" */

/** @param {Chart} chart @returns {Frames} */
export function framesOf(chart) {
  return new Map(Object.entries(chart.frames).map(([trace, updates]) => [
    trace, new Map(Object.entries(updates).map(([attribute, packed]) => [attribute, rows(packed)]))]));
}

/**
 * The figure at a frame. Until the answer is shown (`open`), traces that are part of it are left out.
 * @param {Figure} figure @param {Chart} chart @param {Frames} frames @param {number | null} frame @param {boolean} open
 * @returns {Figure}
 */
export function figureAt(figure, chart, frames, frame, open) {
  const hidden = new Set(open ? [] : chart.answers);
  const data = figure.data.filter((trace) => !hidden.has(trace.name ?? ""))
    .map((trace) => (frame === null ? trace : traceAt(trace, frames, frame)));
  const layout = open ? extended(figure.layout, chart.layout_answer ?? {}) : unlabelled(figure.layout, data);
  return { data, layout };
}

/** @param {Trace} trace @param {Frames} frames @param {number} frame @returns {Trace} */
function traceAt(trace, frames, frame) {
  const updates = frames.get(trace.name ?? "");
  if (!updates) return trace;
  const moved = { ...trace };
  for (const [attribute, values] of updates) moved[attribute] = values[Math.min(frame, values.length - 1)];
  return moved;
}

/** @param {Layout} layout @param {{ [part: string]: any }} more @returns {Layout} */
function extended(layout, more) {
  const made = { ...layout };
  for (const [part, settings] of Object.entries(more)) made[part] = { ...layout[part], ...settings };
  return made;
}

/** Whether there is nothing to see: no trace, and no axis whose numbers mean something. @param {Figure} figure */
export function isBlank({ data, layout }) {
  return data.length === 0 && !layout.xaxis?.range && !layout.yaxis?.range;
}

/** An axis that has neither a range nor a trace would show numbers that mean nothing. @param {Layout} layout @param {Trace[]} data */
function unlabelled(layout, data) {
  if (data.length) return { ...layout };
  const bare = (/** @type {any} */ axis) => (axis?.range ? axis : { ...axis, showticklabels: false, ticks: "" });
  return { ...layout, xaxis: bare(layout.xaxis), yaxis: bare(layout.yaxis) };
}

/** The frame whose cursor is nearest to x. @param {number[]} cursor @param {number} x @param {boolean} log */
export function nearest(cursor, x, log) {
  const at = (/** @type {number} */ value) => (log ? Math.log(Math.max(value, 1e-300)) : value);
  const distances = cursor.map((value) => Math.abs(at(value) - at(x)));
  return distances.indexOf(Math.min(...distances));
}

/**
 * The frame to show when a picture arrives: the one that the address names (`linked`) until the visitor moves the slider,
 * then the present one while the slider and the preset are the same, else the picture's own.
 * @param {{ scrub: Scrub, preset: string }} now
 * @param {{ scrub: Scrub | null, preset: string, frame: number | null } | null} before null when the page opens
 * @param {number | null} linked
 */
export function firstFrame(now, before, linked) {
  const { start, values, label } = now.scrub;
  if (linked !== null) return linked;
  if (!before || before.frame === null || before.preset !== now.preset) return start;
  const same = before.scrub?.label === label && before.scrub.values.length === values.length;
  return same ? before.frame : start;
}
