// The stage: mounts a row of Plotly charts once, updates them with Plotly.react, scrubs frames, exports pictures and
// tables, and writes the numbers under them.

let plotly = null;

function loadPlotly(url) {
  // Imported as a module, since the browser compiles a preloaded module while the page is still on its way.
  plotly ??= import(new URL(url, window.location.origin).href).then(() => window.Plotly, () => {
    plotly = null;
    throw new Error("The chart library did not load; reload the page.");
  });
  return plotly;
}

export default async function render({ data, parentElement, setStateValue }, plotlyUrl) {
  const root = parentElement.querySelector(".stage");
  const stage = (root.ntkviz ??= new Stage(root));
  stage.setStateValue = setStateValue;
  if (same(data, stage.sent)) return;
  stage.sent = data;
  const [library, read] = await Promise.all([loadPlotly(plotlyUrl), unwrap(data)]);
  if (stage.sent !== data) return; // a newer one has come meanwhile
  stage.Plotly = library;
  stage.update(read);
}

function same(one, other) {
  return one === other || (one?.length === other?.length && one.every((byte, i) => byte === other[i]));
}

// A line of JSON, then the charts that it names, each compressed; see stage.py.
async function unwrap(bytes) {
  let at = bytes.indexOf(10) + 1;
  const data = JSON.parse(new TextDecoder().decode(bytes.subarray(0, at)));
  data.charts = await Promise.all(data.charts.map(([, length]) => inflate(bytes.subarray(at, (at += length)))));
  return data;
}

async function inflate(part) {
  const stream = new Blob([part]).stream().pipeThrough(new DecompressionStream("gzip"));
  const text = await new Response(stream).text();
  return { ...JSON.parse(text), text };
}

class Stage {
  constructor(root) {
    this.root = root;
    this.frame = null;
    this.cells = new Map();
    this.scrub = element("div", "stage-scrub");
    this.row = element("div", "stage-row");
    this.numbers = element("dl", "stage-numbers");
    root.replaceChildren(this.scrub, this.row, this.numbers);
    this.background = null;
    // Streamlit swaps its theme by CSS variables, without telling components whose data did not change.
    this.watch = setInterval(() => root.isConnected ? this.retheme() : clearInterval(this.watch), 500);
    new ResizeObserver(() => this.resize()).observe(root);
  }

  update(data) {
    this.background = background(this.root);
    const before = this.data?.scrub;
    this.data = data;
    this.row.style.setProperty("--stage-columns", data.columns);
    if (data.scrub && this.starts(data.scrub, before)) this.frame = data.scrub.start;
    const names = new Set(data.charts.map((chart) => chart.name));
    for (const [name, cell] of this.cells) if (!names.has(name)) { cell.remove(); this.cells.delete(name); }
    for (const chart of data.charts) {
      if (!this.cells.has(chart.name)) this.cells.set(chart.name, new Cell(this, chart.name));
      this.cells.get(chart.name).update(chart);
    }
    this.row.replaceChildren(...data.charts.map((chart) => this.cells.get(chart.name).node));
    this.drawNumbers();
    this.drawScrub();
    this.draw();
  }

  // An explanation that was opened stays open while its number changes.
  drawNumbers() {
    const open = Array.from(this.numbers.children, (node) => node.querySelector("details")?.open);
    this.numbers.replaceChildren(...this.data.numbers.map((number, i) => written(number, open[i])));
  }

  // The server decides the frame when the frames are new or a preset asks for one; an echo of our own word does not.
  starts(scrub, before) {
    if (!before || this.frame === null || before.values.length !== scrub.values.length) return true;
    return scrub.start !== before.start && scrub.start !== this.told;
  }

  draw() {
    this.asked = true;
    if (!this.busy) this.work();
    if (!this.data.scrub) return;
    this.slider.value = this.frame;
    this.output.textContent = `${this.data.scrub.label} ${this.data.scrub.values[this.frame]}`;
    this.slider.setAttribute("aria-valuetext", this.output.textContent);
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
        counts.drawn = Number(counts.drawn ?? 0) + 1;
        for (const cell of this.cells.values()) {
          if (seen.has(cell)) continue;
          await new Promise((resume) => setTimeout(resume));
          if (this.asked) break;
          await cell.draw();
        }
      }
      counts.complete = counts.drawn;
    } finally {
      this.busy = false;
    }
  }

  drawScrub() {
    const scrub = this.data.scrub;
    this.scrub.hidden = !scrub;
    this.scrub.style.display = scrub ? "" : "none";
    if (!scrub) return;
    if (!this.slider) {
      this.playButton = element("button", "stage-play");
      this.playButton.type = "button";
      this.playButton.onclick = () => this.timer ? this.stop() : this.play();
      this.slider = element("input", "");
      Object.assign(this.slider, { type: "range", min: 0, step: 1 });
      this.slider.oninput = () => this.go(Number(this.slider.value));
      this.slider.onchange = () => this.tell();
      this.output = element("output", "");
      this.scrub.replaceChildren(this.playButton, this.slider, this.output);
      this.stop();
    }
    this.playButton.hidden = !scrub.play;
    this.slider.max = scrub.values.length - 1;
    this.slider.setAttribute("aria-label", scrub.label);
  }

  go(frame) {
    this.frame = Math.max(0, Math.min(frame, this.data.scrub.values.length - 1));
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => { this.pending = null; this.draw(); });
  }

  play() {
    if (this.frame >= this.data.scrub.values.length - 1) this.frame = -1;
    this.playButton.textContent = "❚❚";
    this.playButton.setAttribute("aria-label", "Pause");
    this.timer = setInterval(() => {
      this.go(this.frame + 1);
      if (this.frame >= this.data.scrub.values.length - 1 || !this.root.isConnected) { this.stop(); this.tell(); }
    }, 90);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.playButton.textContent = "▶";
    this.playButton.setAttribute("aria-label", "Play");
  }

  tell() {
    this.told = this.frame;
    this.setStateValue("frame", this.frame);
  }

  dark() { return luminance(this.background) < 0.4; }

  retheme() {
    const now = background(this.root);
    if (!this.data || !this.Plotly || now === this.background) return;
    this.background = now;
    for (const cell of this.cells.values()) cell.retheme();
    this.draw();
  }

  resize() { for (const cell of this.cells.values()) if (cell.plot.data && cell.plot.offsetParent) this.Plotly.Plots.resize(cell.plot); }
}

class Cell {
  constructor(stage, name) {
    this.stage = stage;
    this.node = element("figure", "stage-cell");
    this.prompt = element("figcaption", "stage-prompt");
    this.plot = element("div", "stage-plot");
    this.plot.dataset.chart = name;
    this.plot.setAttribute("role", "img");
    const tools = element("div", "stage-tools");
    for (const [label, title, action] of [
      ["SVG", "Download this picture as SVG", () => this.picture("svg")],
      ["PNG", "Download this picture as PNG", () => this.picture("png")],
      ["CSV", "Download the numbers behind this picture", () => this.table()],
    ]) {
      const button = element("button", "");
      Object.assign(button, { type: "button", textContent: label, title, onclick: action });
      button.setAttribute("aria-label", `${title} (${name})`);
      tools.append(button);
    }
    this.node.append(this.prompt, this.plot, tools);
  }

  update(chart) {
    this.changed = chart.text !== this.chart?.text;
    if (!this.changed) return;
    this.chart = chart;
    this.node.style.setProperty("--stage-span", chart.span);
    this.prompt.innerHTML = safe(chart.prompt);
    this.plot.setAttribute("aria-label", chart.alt);
    this.frames = Object.entries(chart.frames).map(([trace, updates]) => [
      Number(trace), Object.entries(updates).map(([name, packed]) => [name, unpack(packed)])]);
    this.retheme();
  }

  retheme() {
    const dark = this.stage.dark() ? this.stage.data.dark : {};
    this.base = recolour(JSON.parse(this.chart.figure), dark);
    this.base.layout.paper_bgcolor = this.base.layout.plot_bgcolor = "rgba(0,0,0,0)";
    this.base.layout.uirevision = "keep";
    this.base.layout.autosize = true;
    this.plot.style.minHeight = `${this.base.layout.height ?? 380}px`; // known before it is drawn: the page does not jump
    delete this.base.layout.width;
    this.changed = true;
  }

  onScreen() {
    const { top, bottom } = this.plot.getBoundingClientRect();
    return bottom > 0 && top < window.innerHeight;
  }

  moving() { return this.stage.data.scrub && (this.frames.length > 0 || this.chart.cursor); }

  draw() {
    if (!this.changed && (!this.moving() || this.drawn === this.stage.frame)) return;
    this.changed = false;
    this.drawn = this.stage.frame;
    const { data, layout } = this.at(this.base, this.stage.frame);
    const first = !this.plot.data;
    const config = { displayModeBar: false, responsive: false, doubleClick: "reset" };
    const drawn = this.stage.Plotly.react(this.plot, data, layout, config);
    if (first) this.plot.on("plotly_click", (event) => this.click(event));
    return drawn;
  }

  at(figure, frame) {
    if (!this.moving()) return { data: figure.data, layout: { ...figure.layout } };
    const data = figure.data.slice();
    for (const [trace, updates] of this.frames) {
      data[trace] = { ...data[trace] };
      for (const [name, rows] of updates) data[trace][name] = rows[Math.min(frame, rows.length - 1)];
    }
    const layout = { ...figure.layout };
    if (this.chart.cursor) {
      const x = this.chart.cursor[frame];
      const line = { color: layout.template.layout.font.color, width: 1.5, dash: "dot" };
      layout.shapes = [...(layout.shapes ?? []), { type: "line", x0: x, x1: x, y0: 0, y1: 1, yref: "paper", line }];
    }
    return { data, layout };
  }

  click(event) {
    const cursor = this.chart.cursor;
    if (!this.stage.data.scrub || !cursor) return;
    const x = event.points[0].x;
    const log = this.base.layout.xaxis?.type === "log";
    const distance = (c) => log ? Math.abs(Math.log(Math.max(c, 1e-300) / Math.max(x, 1e-300))) : Math.abs(c - x);
    let best = 0;
    cursor.forEach((c, i) => { if (distance(c) < distance(cursor[best])) best = i; });
    this.stage.go(best);
    this.stage.tell();
  }

  settings() {
    const { title, settings, scrub } = this.stage.data;
    const rows = [["lesson", title], ["chart", this.chart.name], ...Object.entries(settings)];
    if (this.moving()) rows.push([scrub.label, scrub.values[this.stage.frame]]);
    rows.push(["link", window.location.href]);
    return rows;
  }

  async picture(format) {
    // Pictures for paper: light colours, and the settings as a caption under the axes.
    const light = JSON.parse(this.chart.figure);
    const { data, layout } = this.at({ data: light.data, layout: light.layout }, this.stage.frame);
    const lines = wrap(this.settings().map(([name, value]) => `${name}: ${value}`), 118);
    const caption = { text: lines.map(escape).join("<br>"), xref: "paper", yref: "paper", x: 0, y: 0, yshift: -64,
      xanchor: "left", yanchor: "top", align: "left", showarrow: false, font: { size: 11 } };
    const extra = 24 + 15 * lines.length;
    const height = (layout.height ?? 400) + extra;
    const margin = { ...layout.template.layout.margin, ...layout.margin, automargin: true };
    margin.b = (margin.b ?? 56) + extra;
    const made = { ...layout, height, width: 900, margin, annotations: [...(layout.annotations ?? []), caption] };
    const url = await this.stage.Plotly.toImage({ data, layout: made }, { format, width: 900, height, scale: format === "png" ? 2 : 1 });
    save(url, `ntkviz-${this.chart.name}.${format}`);
  }

  table() {
    const light = JSON.parse(this.chart.figure);
    const head = this.settings().map(([name, value]) => `# ${name}: ${String(value).replaceAll("\n", " ")}`);
    const holder = { data: this.plot._fullData ?? [] };
    const rows = holder.data.flatMap((trace, i) => traceRows(trace, light.data[i]?.name ?? trace.name ?? `trace ${i}`));
    const csv = [...head, "series,x,y,z", ...rows].join("\n");
    const url = URL.createObjectURL(new Blob([csv], { type: "text/csv" }));
    save(url, `ntkviz-${this.chart.name}.csv`);
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }

  remove() { this.stage.Plotly?.purge(this.plot); this.node.remove(); }
}

function traceRows(trace, name) {
  const label = `"${String(name).replaceAll('"', "'").replace(/<[^>]*>/g, "")}"`;
  if (trace.z) {
    return Array.from(trace.z).flatMap((line, i) => Array.from(line, (z, j) =>
      [label, trace.x?.[j] ?? j, trace.y?.[i] ?? i, z].join(",")));
  }
  const y = trace.y ?? [];
  return Array.from(trace.x ?? y.keys?.() ?? [], (x, i) => [label, x, y[i], ""].join(","));
}

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

function written({ label, value, expected, help }, open) {
  const node = element("div", "stage-number");
  const term = element("dt", "");
  if (help) {
    const details = element("details", "");
    details.open = open ?? false;
    details.append(element("summary", "", label), element("p", "", help));
    term.append(details);
  } else {
    term.textContent = label;
  }
  node.append(term, element("dd", "stage-value", value), element("dd", "stage-expected", expected));
  return node;
}

function unpack({ shape, float32 }) {
  const bytes = Uint8Array.from(atob(float32), (c) => c.charCodeAt(0));
  const all = new Float32Array(bytes.buffer);
  const size = shape.slice(1).reduce((a, b) => a * b, 1);
  return Array.from({ length: shape[0] }, (_, k) => {
    const row = all.subarray(k * size, (k + 1) * size);
    if (shape.length < 3) return row;
    return Array.from({ length: shape[1] }, (_, i) => row.subarray(i * shape[2], (i + 1) * shape[2]));
  });
}

function recolour(value, map) {
  if (typeof value === "string") return map[value] ?? value;
  if (Array.isArray(value)) return value.map((item) => recolour(item, map));
  if (value === null || typeof value !== "object") return value;
  if ("bdata" in value) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, recolour(item, map)]));
}

function background(node) {
  for (let at = node; at; at = at.parentElement) {
    const color = getComputedStyle(at).backgroundColor;
    if (color && color !== "transparent" && !color.endsWith(", 0)")) return color;
  }
  return "rgb(255, 255, 255)";
}

function luminance(color) {
  const [r, g, b] = (color ?? "").match(/[\d.]+/g)?.map(Number) ?? [255, 255, 255];
  return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
}

function escape(text) {
  return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

// Prompts are our own words with sub, sup, b and i; everything else is shown as text.
function safe(text) {
  return escape(text).replace(/&lt;(\/?(?:sub|sup|b|i))&gt;/g, "<$1>");
}

function wrap(parts, width) {
  const lines = [""];
  for (const part of parts) {
    const last = lines[lines.length - 1];
    if (last && last.length + part.length + 3 > width) lines.push(part);
    else lines[lines.length - 1] = last ? `${last} · ${part}` : part;
  }
  return lines;
}

function save(url, name) {
  const link = element("a", "");
  link.href = url;
  link.download = name;
  link.click();
}
