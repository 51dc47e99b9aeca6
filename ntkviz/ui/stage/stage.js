// @ts-check
// The stage: mounts a row of Plotly charts once and updates them with Plotly.react; around them its question, the slider
// that moves through frames, and the numbers.

import { Cell } from "./cell.js";
import { element } from "./dom.js";
import { firstFrame } from "./frames.js";
import { frameIn, writeFrame } from "./link.js";
import { drawNumbers, drawRemarks, shown } from "./numbers.js";
import { QuestionBlock } from "./question.js";
import { reveal } from "./reveal.js";
import { Slider } from "./scrub.js";
import { background, isDark } from "./theme.js";
import { same, unwrap } from "./unpack.js";

/** @import { Guess, Mark, Message, Plotly, Question, Sketch } from "./types.d.ts" */
/** @import { Member } from "./reveal.js" */

/** @type {Promise<Plotly> | null} */
let plotly = null;

/** @param {string} url */
function loadPlotly(url) {
  // Imported as a module, since the browser compiles a preloaded module while the page is still on its way.
  plotly ??= import(new URL(url, window.location.origin).href).then(() => window.Plotly, () => {
    plotly = null;
    throw new Error("The chart library did not load; reload the page.");
  });
  return plotly;
}

/** @param {{ data: Uint8Array, parentElement: HTMLElement }} component @param {string} plotlyUrl */
export default async function render({ data, parentElement }, plotlyUrl) {
  const root = /** @type {HTMLElement & { ntkviz?: Stage }} */ (parentElement.querySelector(".stage"));
  const stage = (root.ntkviz ??= new Stage(root));
  if (same(data, stage.sent)) return;
  stage.sent = data;
  const [library, message] = await Promise.all([loadPlotly(plotlyUrl), unwrap(data)]);
  if (stage.sent !== data) return; // a newer one has come meanwhile
  stage.Plotly = library;
  stage.update(message);
}

export class Stage {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    /** @type {Uint8Array | undefined} */
    this.sent = undefined;
    /** @type {Plotly | null} */
    this.Plotly = null;
    /** @type {Message | null} */
    this.data = null;
    /** @type {number | null} */
    this.frame = null;
    /** @type {Message["scrub"]} */
    this.scrubbed = null;
    this.touched = false; // has the visitor moved the slider since this preset came?
    this.open = false; // is the answer shown?
    this.asked = this.busy = false; // is there something to draw, and is it being drawn?
    this.pending = 0;
    /** @type {Map<string, Cell>} */
    this.cells = new Map();
    /** @type {Member} */
    this.member = { key: "", ask: "none", unanswerable: false, connected: () => root.isConnected, changed: () => this.revealed() };
    this.question = new QuestionBlock(this);
    this.stale = element("p", "stage-stale");
    this.stale.setAttribute("aria-live", "polite");
    this.notes = element("ul", "stage-remarks");
    this.slider = new Slider((frame) => this.go(frame), () => this.rest());
    this.row = element("div", "stage-row");
    this.numbers = element("dl", "stage-numbers");
    this.remarks = element("ul", "stage-remarks");
    this.body = element("div", "stage-body");
    this.body.append(this.notes, this.slider.node, this.row, this.numbers, this.remarks);
    root.replaceChildren(this.question.node, this.stale, this.body);
    this.background = "";
    this.path = window.location.pathname;
    // Streamlit swaps its theme and writes the page's address without telling components whose data did not change.
    this.watch = setInterval(() => (root.isConnected ? this.look() : clearInterval(this.watch)), 500);
    new ResizeObserver(() => this.resize()).observe(root);
  }

  get scrub() { return this.data?.scrub ?? null; }

  /** @param {Message} data */
  update(data) {
    this.background = background(this.root);
    const before = this.data && { scrub: this.scrubbed, preset: this.data.preset, frame: this.frame };
    this.data = data;
    this.scrubbed = data.scrub ?? this.scrubbed; // between two pictures there may be one without charts
    this.chooseFrame(data, before);
    this.row.style.setProperty("--stage-columns", String(data.columns));
    const names = new Set(data.charts.map((chart) => chart.name));
    for (const [name, cell] of this.cells) if (!names.has(name)) { cell.remove(); this.cells.delete(name); }
    for (const chart of data.charts) {
      if (!this.cells.has(chart.name)) this.cells.set(chart.name, new Cell(this, chart.name));
    }
    const nodes = data.charts.map(({ name }) => /** @type {Cell} */ (this.cells.get(name)).node);
    if (nodes.some((node, i) => node !== this.row.children[i])) this.row.replaceChildren(...nodes); // it takes the focus
    this.joinReveal(data);
    for (const chart of data.charts) this.cells.get(chart.name)?.update(chart);
    this.stale.textContent = data.stale;
    this.root.classList.toggle("stage-is-stale", data.stale !== "");
    this.slider.update(data.scrub, this.frame ?? 0);
    this.fill();
    this.draw();
  }

  /** @param {Message} data @param {{ scrub: Message["scrub"], preset: string, frame: number | null } | null} before */
  chooseFrame(data, before) {
    const { scrub, preset, frame } = data;
    if (!scrub) return;
    if (before && before.preset !== preset) this.touched = false;
    const opened = !before || before.preset === preset;
    const linked = opened && !this.touched ? frameIn(window.location.search, frame, scrub.values.length) : null;
    this.frame = firstFrame({ scrub, preset }, before, linked);
    if (!opened) writeFrame(frame, null);
    else this.correctLink();
  }

  look() {
    this.retheme();
    this.correctLink();
    if (this.data && !reveal.members.has(this.member)) this.joinReveal(this.data); // it had been taken off the page
  }

  /** The server, writing other parameters into the address, has written the frame that it last heard of. */
  correctLink() {
    if (this.touched && this.data?.scrub && this.path === window.location.pathname) writeFrame(this.data.frame, this.frame);
  }

  /** Tell the store which question this stage has, and learn whether its answer is shown. @param {Message} data */
  joinReveal(data) {
    const { question, ask, preset } = data;
    Object.assign(this.member, { key: preset || question?.key || "", ask, unanswerable: question?.answer === null });
    this.question.check(question, this.member.key);
    reveal.join(this.member);
    this.setOpen(reveal.isOpen(this.member));
  }

  /** The visitor has guessed, or wants to be asked again: here or in another stage of the page. */
  revealed() {
    if (!this.data) return;
    this.setOpen(reveal.isOpen(this.member));
    this.fill();
    this.draw();
  }

  /** @param {boolean} open */
  setOpen(open) {
    if (open === this.open) return;
    this.open = open;
    for (const cell of this.cells.values()) cell.say();
  }

  /** The question, and the words around the charts. */
  fill() {
    if (!this.data) return;
    const { question, ask, numbers, remarks } = this.data;
    this.question.update(ask === "none" ? null : question, this.open);
    drawNumbers(this.numbers, shown(numbers, this.open));
    drawRemarks(this.notes, remarks.filter(({ answer }) => !answer));
    drawRemarks(this.remarks, shown(remarks, this.open).filter(({ answer }) => answer));
  }

  /** Show a guess on the charts that it belongs to. @param {Question | null} question @param {Guess | null} guess */
  showGuess(question, guess) {
    const changed = [...this.cells].filter(([name, cell]) => cell.setMark(guess === null ? null : markOf(question, guess, name)));
    if (changed.length) this.draw();
  }

  /** The part of a chart on which a curve is to be drawn, if one is. @param {Cell} cell @returns {Sketch | null} */
  room(cell) {
    const question = this.data?.ask === "none" ? null : this.data?.question;
    return question?.kind === "sketch" && this.cells.get(question.chart) === cell ? question : null;
  }

  /** Draw what has changed, at the next chance. */
  draw() {
    this.asked = this.cells.size > 0;
    if (!this.busy) this.work();
    if (this.scrub) this.slider.show(this.frame ?? 0);
  }

  // What is on screen is drawn at once, the rest when the browser has time; a newer wish goes first. Benchmarks and tests
  // wait for the counts: `drawn` rises when the charts on screen stand, `complete` equals it when all do.
  async work() {
    this.busy = true;
    const counts = this.root.dataset;
    try {
      while (this.asked) {
        this.asked = false;
        const seen = new Set([...this.cells.values()].filter((cell) => cell.onScreen()));
        await Promise.all([...seen].map((cell) => cell.draw()));
        counts.drawn = String(Number(counts.drawn ?? 0) + 1);
        for (const cell of this.cells.values()) {
          if (seen.has(cell)) continue;
          await new Promise((resume) => setTimeout(resume));
          if (this.asked) break;
          await cell.draw();
        }
      }
      if (counts.drawn) counts.complete = counts.drawn;
    } finally {
      this.busy = false;
    }
  }

  /** @param {number} frame */
  go(frame) {
    this.frame = Math.max(0, Math.min(frame, (this.scrub?.values.length ?? 1) - 1));
    this.slider.frame = this.frame;
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => { this.pending = 0; this.draw(); });
  }

  /** The visitor has come to rest at a frame: it belongs to the link. */
  rest() {
    if (!this.data || this.frame === null) return;
    this.touched = true;
    writeFrame(this.data.frame, this.frame);
  }

  /** The exchange of colours that the page's background asks for. @returns {{ [from: string]: string }} */
  colours() { return isDark(this.background) ? this.data?.dark ?? {} : {}; }

  retheme() {
    const now = background(this.root);
    if (!this.data || !this.Plotly || now === this.background) return;
    this.background = now;
    for (const cell of this.cells.values()) cell.retheme();
    this.draw();
  }

  resize() {
    for (const { plot } of this.cells.values()) if (plot.data && plot.offsetParent) this.Plotly?.Plots.resize(plot);
  }
}

/** What a guess adds to the chart of this name. @param {Question | null} question @param {Guess} guess @param {string} chart @returns {Mark | null} */
function markOf(question, guess, chart) {
  if (question?.kind === "sketch" && question.chart === chart) {
    return { kind: "curve", curve: /** @type {import("./types.d.ts").Curve} */ (guess) };
  }
  if (question?.kind === "number" && question.mark?.chart === chart) {
    return { kind: "line", axis: question.mark.axis, value: Number(guess) };
  }
  return null;
}
