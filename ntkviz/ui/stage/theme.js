// @ts-check
// Light and dark: figures are made in light colours, and exchanged where the page is dark.

/** @param {string | undefined} color */
export function isDark(color) { return luminance(color) < 0.4; }

/** @param {string | undefined} color as the browser writes it, "rgb(1, 2, 3)" */
export function luminance(color) {
  const [r, g, b] = color?.match(/[\d.]+/g)?.map(Number) ?? [255, 255, 255];
  return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
}

/** The first colour that is not transparent, from this element upwards. @param {Element} node */
export function background(node) {
  for (let at = /** @type {Element | null} */ (node); at; at = at.parentElement) {
    const color = getComputedStyle(at).backgroundColor;
    if (color && color !== "transparent" && !color.endsWith(", 0)")) return color;
  }
  return "rgb(255, 255, 255)";
}

/**
 * The value with every string that the map names exchanged; packed arrays are left as they are.
 * @param {any} value @param {{ [from: string]: string }} map @returns {any}
 */
export function recolour(value, map) {
  if (typeof value === "string") return Object.hasOwn(map, value) ? map[value] : value;
  if (Array.isArray(value)) return value.map((item) => recolour(item, map));
  if (value === null || typeof value !== "object" || "bdata" in value) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, recolour(item, map)]));
}
