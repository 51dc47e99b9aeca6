// @ts-check
// Text: numbers in words, as `ntkviz.writing` writes them; the few tags that prompts may hold; folded lines.

const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** So many significant digits, a true minus sign, a power of ten where it is very large or small. @param {number} value */
export function written(value, digits = 3) {
  if (!Number.isFinite(value)) return "–";
  const rounded = Number(value.toExponential(digits - 1));
  const size = Math.abs(rounded);
  if (size === 0) return "0";
  if (size < 1e-3 || size >= 1e5) {
    const [mantissa, exponent] = rounded.toExponential(digits - 1).split("e");
    return minus(`${Number(mantissa)} × 10${raised(Number(exponent))}`);
  }
  return minus(String(rounded));
}

/** @param {number} exponent */
export function raised(exponent) {
  return (exponent < 0 ? "⁻" : "") + String(Math.abs(exponent)).replace(/\d/g, (digit) => RAISED[Number(digit)]);
}

/** @param {string} text */
export function minus(text) { return text.replaceAll("-", "−"); }

/** A number with its unit; of one thing the plural's s is dropped. @param {number} value @param {string} unit */
export function counted(value, unit, digits = 3) {
  const number = written(value, digits);
  if (!unit) return number;
  const one = number === "1" && /^[a-z]{3,}s$/.test(unit) ? unit.slice(0, -1) : unit;
  return `${number} ${one}`;
}

/** @param {unknown} text */
export function escape(text) {
  return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** HTML of our own words: sub, sup, b and i are kept, everything else is shown as text. @param {string} text */
export function safe(text) {
  return escape(text).replace(/&lt;(\/?(?:sub|sup|b|i))&gt;/g, "<$1>");
}

/** The text without those tags. @param {string} text */
export function plain(text) { return text.replace(/<\/?(?:sub|sup|b|i)>/g, ""); }

/** @param {string} text */
export function capital(text) { return text.charAt(0).toUpperCase() + text.slice(1); }

/** Parts joined to lines of at most `width` letters, where a part fits. @param {string[]} parts @param {number} width */
export function fold(parts, width, between = " · ") {
  const lines = [""];
  for (const part of parts) {
    const last = lines[lines.length - 1];
    if (last && last.length + part.length + between.length > width) lines.push(part);
    else lines[lines.length - 1] = last ? last + between + part : part;
  }
  return lines;
}
