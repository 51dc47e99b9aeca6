// @ts-check
// The frame in the page's address. The browser alone decides about it: the server reads the address with each rerun,
// and nothing that it answers moves the slider.

/** The parameter's value, or null. @param {string} search @param {string} name */
export function parameter(search, name) { return new URLSearchParams(search).get(name); }

/**
 * The frame that an address names, if there is such a one; negative numbers count from the end.
 * @param {string} search @param {string} name @param {number} count @returns {number | null}
 */
export function frameIn(search, name, count) {
  const text = parameter(search, name);
  if (text === null || !/^-?\d+$/.test(text)) return null;
  const frame = Number(text);
  return frame >= -count && frame < count ? (frame + count) % count : null;
}

/**
 * The address with one parameter set, or left out where the value is null; the others stay letter by letter.
 * @param {string} search @param {string} name @param {string | null} value
 */
export function withParameter(search, name, value) {
  const key = encodeURIComponent(name);
  const parts = search.replace(/^\?/, "").split("&").filter((part) => part && part.split("=")[0] !== key);
  if (value !== null) parts.push(`${key}=${encodeURIComponent(value)}`);
  return parts.length ? `?${parts.join("&")}` : "";
}

/** Write the frame into the page's address, or take it out. @param {string} name @param {number | null} frame */
export function writeFrame(name, frame) {
  const { pathname, search, hash } = window.location;
  const next = withParameter(search, name, frame === null ? null : String(frame));
  if (next !== search) window.history.replaceState(window.history.state, "", pathname + next + hash);
}
