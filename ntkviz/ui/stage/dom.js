// @ts-check
// Making elements.

import { safe } from "./words.js";

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {string} [className] @param {string} [text] shown as it is
 * @returns {HTMLElementTagNameMap[T]}
 */
export function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

/**
 * An element whose text may hold sub, sup, b and i.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {string} className @param {string} text
 * @returns {HTMLElementTagNameMap[T]}
 */
export function rich(tag, className, text) {
  const made = element(tag, className);
  made.innerHTML = safe(text);
  return made;
}

/** @param {string} text @param {() => void} pressed */
export function button(text, pressed, className = "") {
  const made = element("button", className, text);
  made.type = "button";
  made.onclick = pressed;
  return made;
}

/** Let the browser save what an address holds. @param {string} url @param {string} name */
export function save(url, name) {
  const link = element("a");
  link.href = url;
  link.download = name;
  link.click();
}
