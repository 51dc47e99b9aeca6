// @ts-check
// The numbers and sentences around the charts.

import { element } from "./dom.js";

/** @import { FoundNumber, Remark } from "./types.d.ts" */

/**
 * What may be shown: all of it once the answer is open, before that what gives nothing away.
 * @template {{ answer: boolean }} T @param {T[]} parts @param {boolean} open @returns {T[]}
 */
export function shown(parts, open) { return parts.filter((part) => open || !part.answer); }

/** An explanation that was opened stays open while its number changes. @param {HTMLElement} list @param {FoundNumber[]} numbers */
export function drawNumbers(list, numbers) {
  const open = new Set(Array.from(list.querySelectorAll("details[open] > summary"), (node) => node.textContent));
  list.replaceChildren(...numbers.map((number) => drawn(number, open.has(number.label))));
}

/** @param {HTMLElement} list @param {Remark[]} remarks */
export function drawRemarks(list, remarks) {
  const texts = remarks.map(({ text }) => text);
  if (texts.join("\n") === list.dataset.said) return; // the same again is not read aloud again
  list.dataset.said = texts.join("\n");
  list.replaceChildren(...texts.map((text) => element("li", "stage-remark", text)));
}

/** @param {FoundNumber} number @param {boolean} open @returns {HTMLElement} */
function drawn({ label, value, expected, help, caveat, agrees }, open) {
  const node = element("div", "stage-number");
  node.append(term(label, help, open), element("dd", "stage-value", value));
  if (expected || agrees !== null) node.append(expectation(expected, agrees));
  if (caveat) node.append(element("dd", "stage-caveat", caveat));
  return node;
}

/** @param {string} label @param {string} help @param {boolean} open */
function term(label, help, open) {
  if (!help) return element("dt", "", label);
  const node = element("dt");
  const details = element("details");
  details.open = open;
  details.append(element("summary", "", label), element("p", "", help));
  node.append(details);
  return node;
}

/** @param {string} expected @param {boolean | null} agrees */
function expectation(expected, agrees) {
  const node = element("dd", "stage-expected", expected);
  if (agrees === null || agrees === undefined) return node;
  node.append(expected ? " " : "", element("span", agrees ? "stage-agrees" : "stage-differs", agrees ? "✓ agrees" : "✗ does not agree"));
  return node;
}
