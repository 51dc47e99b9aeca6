// @ts-check
// One chart: its prompt, its plot, and the buttons that save it.

import { button, element, save } from "./dom.js";
import { figureAt, framesOf, isBlank, nearest } from "./frames.js";
import { bare, paper, WIDTH } from "./picture.js";
import { table } from "./table.js";
import { recolour } from "./theme.js";
import { safe } from "./words.js";

/** @import { Chart, Figure, Frames, Layout, Mark, PlotElement, Scale, Scales } from "./types.d.ts" */
/** @import { Stage } from "./stage.js" */

const GUESS = "#8C6D1F"; // the visitor's own curve or line, in the light palette
const CONFIG = { displayModeBar: false, responsive: false, doubleClick: "reset" };
const DOWNLOADS = /** @type {const} */ ([["svg", "SVG", "this picture as a drawing"], ["png", "PNG", "this picture"]]);

export class Cell {
  /** @param {Stage} stage @param {string} name */
  constructor(stage, name) {
    this.stage = stage;
    /** @type {Chart | null} */
    this.chart = null;
    /** @type {Mark | null} */
    this.mark = null;
    this.changed = false;
    /** @type {number | null} */
    this.drawn = null;
    /** @type {Set<() => void>} called after each drawing */
    this.after = new Set();
    this.node = element("figure", "stage-cell");
    this.prompt = element("figcaption", "stage-prompt");
    this.holder = element("div", "stage-canvas");
    this.plot = /** @type {PlotElement} */ (element("div", "stage-plot"));
    this.plot.dataset.chart = name;
    this.plot.setAttribute("role", "img");
    this.holder.append(this.plot);
    this.foot = element("div", "stage-foot");
    this.foot.append(this.tools(name));
    this.node.append(this.prompt, this.holder, this.foot);
  }

  /** @param {string} name */
  tools(name) {
    const tools = element("div", "stage-tools");
    const add = (/** @type {string} */ label, /** @type {string} */ what, /** @type {() => void} */ pressed) => {
      const made = button(label, pressed);
      made.title = `Download ${what}`;
      made.setAttribute("aria-label", `${label}: ${what} (${name})`);
      tools.append(made);
    };
    for (const [format, label, what] of DOWNLOADS) add(label, what, () => this.picture(format));
    add("CSV", "numbers behind this picture", () => this.table());
    return tools;
  }

  /** @param {Chart} chart */
  update(chart) {
    if (chart.text === this.chart?.text) return;
    this.chart = chart;
    this.node.style.setProperty("--stage-span", String(chart.span));
    /** @type {Frames} */
    this.frames = framesOf(chart);
    this.say();
    this.retheme();
  }

  /** The words of the chart: after the guess they may be others. */
  say() {
    if (!this.chart) return;
    const { open } = this.stage;
    const { alt, prompt, alt_answer, prompt_answer } = this.chart;
    this.words = (open && prompt_answer) || prompt;
    this.prompt.innerHTML = safe(this.words);
    this.plot.setAttribute("aria-label", (open && alt_answer) || alt);
    this.changed = true;
  }

  /** What the visitor's guess adds to the chart. @param {Mark | null} mark @returns {boolean} whether it is another than before */
  setMark(mark) {
    if (JSON.stringify(mark) === JSON.stringify(this.mark)) return false;
    this.mark = mark;
    return (this.changed = true);
  }

  retheme() {
    if (!this.chart) return;
    this.base = recolour(this.figure(), this.stage.colours());
    const { layout } = this.base;
    Object.assign(layout, { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", uirevision: "keep", autosize: true });
    if (coarse()) layout.dragmode = false; // a finger that moves over the chart scrolls the page
    delete layout.width;
    this.plot.style.minHeight = `${layout.height ?? 380}px`; // known before it is drawn: the page does not jump
    this.changed = true;
  }

  /** The figure as it was made, in light colours. @returns {Figure} */
  figure() { return JSON.parse(/** @type {Chart} */ (this.chart).figure); }

  onScreen() {
    const { top, bottom } = this.plot.getBoundingClientRect();
    return bottom > 0 && top < window.innerHeight;
  }

  moving() { return Boolean(this.chart && this.stage.scrub && (this.frames?.size || this.chart.cursor)); }

  async draw() {
    const { frame, Plotly } = this.stage;
    if (!this.base || !Plotly || (!this.changed && (!this.moving() || this.drawn === frame))) return;
    this.changed = false;
    this.drawn = frame;
    const { data, layout } = this.at(this.base, this.stage.colours());
    this.node.hidden = !this.stage.open && isBlank({ data, layout });
    if (this.node.hidden) return;
    const first = !this.plot.data;
    await Plotly.react(this.plot, data, layout, CONFIG);
    if (first) {
      this.plot.on("plotly_click", (event) => this.click(event));
      this.plot.on("plotly_afterplot", () => this.afterwards());
    }
    this.afterwards();
  }

  afterwards() { for (const act of this.after) act(); }

  /** The figure as it is drawn now. @param {Figure} base @param {{ [from: string]: string }} colours @returns {Figure} */
  at(base, colours) {
    const chart = /** @type {Chart} */ (this.chart);
    const frame = this.moving() ? this.stage.frame : null;
    const { data, layout } = figureAt(base, chart, this.frames ?? new Map(), frame, this.stage.open);
    if (frame !== null && chart.cursor) layout.shapes = [...(layout.shapes ?? []), cursorAt(chart.cursor[frame], layout)];
    this.ensureRange(layout);
    return this.mark ? marked({ data, layout }, this.mark, recolour(GUESS, colours)) : { data, layout };
  }

  /** A curve can be drawn only on axes that end somewhere. @param {Layout} layout */
  ensureRange(layout) {
    const room = this.stage.room(this);
    if (!room || this.stage.open) return;
    for (const [axis, ends] of /** @type {["xaxis" | "yaxis", number[]][]} */ ([["xaxis", room.x], ["yaxis", room.y]])) {
      const settings = layout[axis] ?? {};
      const own = settings.range ? {} : { range: settings.type === "log" ? ends.map(Math.log10) : ends };
      layout[axis] = { ...settings, ...own, showticklabels: true, ticks: "outside", fixedrange: true };
    }
  }

  /** The axes of a question of this chart, logarithmic where the chart's are. @param {{ x: number[], y: number[] }} ends @returns {Scales} */
  scales({ x, y }) {
    const { layout } = this.base ?? { layout: /** @type {Layout} */ ({}) };
    const scale = (/** @type {number[]} */ [low, high], /** @type {any} */ axis) =>
      /** @type {Scale} */ ({ low, high, log: axis?.type === "log" });
    return { x: scale(x, layout.xaxis), y: scale(y, layout.yaxis), title: layout.xaxis?.title?.text ?? "" };
  }

  /** @param {any} event */
  click(event) {
    const cursor = this.chart?.cursor;
    if (!this.stage.scrub || !cursor) return;
    this.stage.go(nearest(cursor, event.points[0].x, this.base?.layout.xaxis?.type === "log"));
    this.stage.rest();
  }

  /** What made the picture, as names and values. @returns {[string, string][]} */
  settings() {
    const data = /** @type {NonNullable<Stage["data"]>} */ (this.stage.data);
    /** @type {[string, string][]} */
    const rows = data.title ? [["lesson", data.title]] : [];
    rows.push(["chart", this.chart?.name ?? ""], ...Object.entries(data.settings));
    if (this.moving() && data.scrub) rows.push([bare(data.scrub.label), data.scrub.values[this.stage.frame ?? 0]]);
    const note = this.base?.layout.meta?.note;
    if (note) rows.push(["note", String(note)]);
    if (data.stale) rows.push(["note", data.stale]);
    rows.push(["link", window.location.href]);
    return rows;
  }

  /** @param {"svg" | "png"} format */
  async picture(format) {
    const { height, ...figure } = paper(this.at(this.figure(), {}), this.words ?? "", this.settings());
    const url = await this.stage.Plotly?.toImage(figure, { format, width: WIDTH, height, scale: format === "png" ? 2 : 1 });
    if (url) save(url, `ntkviz-${this.chart?.name}.${format}`);
  }

  table() {
    const url = URL.createObjectURL(new Blob([table(this.settings(), this.plot._fullData ?? [])], { type: "text/csv" }));
    save(url, `ntkviz-${this.chart?.name}.csv`);
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }

  remove() {
    this.stage.Plotly?.purge(this.plot);
    this.node.remove();
  }
}

/** Whether fingers are how this screen is touched. */
function coarse() { return window.matchMedia("(pointer: coarse)").matches; }

/** @param {number} x @param {Layout} layout */
function cursorAt(x, layout) {
  const line = { color: layout.template?.layout?.font?.color, width: 1.5, dash: "dot" };
  return { type: "line", x0: x, x1: x, y0: 0, y1: 1, yref: "paper", line };
}

/** @param {Figure} figure @param {Mark} mark @param {string} color @returns {Figure} */
function marked({ data, layout }, mark, color) {
  if (mark.kind === "curve") {
    const trace = { type: "scatter", mode: "lines", name: "your sketch", ...mark.curve, line: { color, width: 4, dash: "dot" } };
    return { data: [...data, trace], layout };
  }
  const { shape, label } = markedLine(mark.axis, mark.value, layout, color);
  const add = (/** @type {any[] | undefined} */ list, /** @type {object} */ one) => [...(list ?? []), one];
  return { data, layout: { ...layout, shapes: add(layout.shapes, shape), annotations: add(layout.annotations, label) } };
}

/** A line across the chart with its name beside it. @param {"x" | "y"} axis @param {number} at @param {Layout} layout @param {string} color */
function markedLine(axis, at, layout, color) {
  const across = axis === "x";
  const other = across ? "y" : "x";
  const { type, range } = layout[`${axis}axis`] ?? {};
  const place = type === "log" ? Math.log10(at) : at;
  const far = across && range && place > range[0] + 0.7 * (range[1] - range[0]);
  const shape = { type: "line", [`${axis}0`]: at, [`${axis}1`]: at, [`${other}0`]: 0, [`${other}1`]: 1, [`${other}ref`]: "paper",
    line: { color, width: 3 } };
  const label = { text: "your guess", showarrow: false, font: { color, size: 15 }, [axis]: place, [other]: 1,
    [`${other}ref`]: "paper", xanchor: across && !far ? "left" : "right", yanchor: across ? "top" : "bottom",
    xshift: across ? (far ? -5 : 5) : 0 };
  return { shape, label };
}
