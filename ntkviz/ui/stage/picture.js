// @ts-check
// A chart as a picture for paper: in light colours, its prompt above it, its settings in one footer.

import { escape, fold, plain, safe } from "./words.js";

/** @import { Figure } from "./types.d.ts" */

export const WIDTH = 900;
const LETTERS = 112; // of the footer's size that fit in a line
const TITLE_LETTERS = 92;
const LINE = 15; // px a line of the footer
const TITLE_LINE = 21;
const LEGEND_LINE = 24;
const LEGEND_WIDTH = WIDTH - 100;

/**
 * @param {Figure} figure in light colours @param {string} prompt @param {[string, string][]} settings
 * @returns {Figure & { height: number }}
 */
export function paper({ data, layout }, prompt, settings) {
  const title = fold(plain(prompt).split(" ").filter(Boolean), TITLE_LETTERS, " ").filter(Boolean);
  const footer = fold(settings.map(setting), LETTERS);
  const above = title.length * TITLE_LINE + (title.length ? 10 : 0) + LEGEND_LINE * legendLines(data, layout);
  const below = footer.length * LINE + 18;
  const margin = { ...layout.template?.layout?.margin, ...layout.margin };
  const height = (layout.height ?? 400) + above + below;
  const bottom = margin.b ?? 56;
  return {
    height,
    data,
    layout: {
      ...layout,
      height,
      width: WIDTH,
      autosize: false,
      margin: { ...margin, t: (margin.t ?? 12) + above, b: bottom + below },
      title: titled(prompt, title),
      annotations: [...(layout.annotations ?? []), footnote(footer, bottom)],
    },
  };
}

/** Lines that the legend above a plot takes, by the length of its names. @param {import("./types.d.ts").Trace[]} data @param {any} layout */
export function legendLines(data, layout) {
  const named = data.filter((trace) => trace.showlegend !== false && trace.name && trace.type !== "heatmap");
  const shown = layout.showlegend ?? (named.length > 1 || named.some((trace) => trace.showlegend));
  if (!shown || (layout.legend?.y ?? 2) <= 1) return 0;
  const width = named.reduce((sum, { name }) => sum + 60 + 8 * plain(name ?? "").length, 0);
  return Math.ceil(width / LEGEND_WIDTH);
}

/** @param {string} prompt @param {string[]} lines */
function titled(prompt, lines) {
  const text = lines.length === 1 ? safe(prompt) : lines.map(escape).join("<br>");
  return { text, x: 0, xref: "container", xanchor: "left", y: 1, yref: "container", yanchor: "top",
    pad: { t: 12, l: 16 }, font: { size: 16 }, automargin: false };
}

/** @param {string[]} lines @param {number} below px under the axis that its labels take */
function footnote(lines, below) {
  return { text: lines.map(escape).join("<br>"), xref: "paper", yref: "paper", x: 0, y: 0, yshift: -below - 8,
    xanchor: "left", yanchor: "top", align: "left", showarrow: false, font: { size: 11 } };
}

/** "step k = 14", "width = 512"; a title or a note as it is. @param {[string, string]} setting */
export function setting([name, value]) { return name === "lesson" || name === "note" ? value : `${bare(name)} = ${value}`; }

/** A label without the sign at its end. @param {string} label */
export function bare(label) { return label.replace(/\s*[=:]\s*$/, ""); }
