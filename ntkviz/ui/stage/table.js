// @ts-check
// A chart as a table of comma-separated values.

import { plain } from "./words.js";

/** @import { Trace } from "./types.d.ts" */

/**
 * The lines of the file: what made it, then one row a point.
 * @param {[string, string][]} settings @param {Trace[]} traces as Plotly reads them, with plain or typed arrays
 */
export function table(settings, traces) {
  const head = settings.map(([name, value]) => `# ${oneLine(name)}: ${oneLine(value)}`);
  const names = distinct(traces.map((trace, i) => plain(trace.name ?? `trace ${i + 1}`)));
  const rows = traces.flatMap((trace, i) => rowsOf(trace, names[i]));
  return [...head, "series,x,y,z", ...rows].join("\n");
}

/** @param {Trace} trace @param {string} name */
function rowsOf(trace, name) {
  const series = cell(name);
  const { x, y, z } = trace;
  if (z && z[0]?.length !== undefined) {
    return Array.from(z, (/** @type {ArrayLike<unknown>} */ line, i) => Array.from(line, (value, j) =>
      [series, cell(x?.[j] ?? j), cell(y?.[i] ?? i), cell(value)].join(","))).flat();
  }
  const count = Math.max(x?.length ?? 0, y?.length ?? 0);
  return Array.from({ length: count }, (_, i) => [series, cell(x ? x[i] : i), cell(y?.[i]), cell(z?.[i])].join(","));
}

/** A cell that no spreadsheet takes for a formula. @param {unknown} value */
export function cell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = String(value);
  if (text.trim() !== "" && Number.isFinite(Number(text))) return text;
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(harmless) || harmless !== harmless.trim() ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

/** The names, the second of the same name with a number behind it. @param {string[]} names */
export function distinct(names) {
  /** @type {Set<string>} */
  const taken = new Set();
  return names.map((name) => {
    let unique = name;
    for (let i = 2; taken.has(unique); i++) unique = `${name} (${i})`;
    taken.add(unique);
    return unique;
  });
}

/** @param {string} text */
function oneLine(text) { return String(text).replace(/\s+/g, " "); }
