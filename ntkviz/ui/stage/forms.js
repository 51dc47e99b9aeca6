// @ts-check
// The controls with which a guess is made: a choice, a number, an order. (A curve is drawn on its chart: sketch.js.)

import { button, element, rich } from "./dom.js";
import { counted, written } from "./words.js";

/** @import { Choice, Form, Guess, NumberQuestion, Order } from "./types.d.ts" */

let forms = 0; // forms on the page: radio buttons belong together by a name

/** @param {Choice} question @param {Guess | null} initial @param {() => void} changed @returns {Form} */
export function choiceForm(question, initial, changed) {
  const node = element("div", "stage-options");
  const name = `ntkviz-choice-${(forms += 1)}`;
  const inputs = question.options.map((text, i) => {
    const label = element("label", "stage-option");
    const input = Object.assign(element("input"), { type: "radio", name, value: String(i), checked: i === initial });
    input.onchange = changed;
    label.append(input, rich("span", "", text));
    node.append(label);
    return input;
  });
  const value = () => {
    const chosen = inputs.findIndex((input) => input.checked);
    return chosen < 0 ? null : chosen;
  };
  return { node, value, remove: () => node.remove() };
}

const STEPS = 240; // of a logarithmic slider

/** @param {NumberQuestion} question @param {Guess | null} initial @param {() => void} changed @returns {Form} */
export function numberForm(question, initial, changed) {
  const { low, high, log, unit } = question;
  const node = element("div", "stage-number-form");
  const scale = scaleOf(question);
  const slider = Object.assign(element("input"), {
    type: "range", min: String(scale.min), max: String(scale.max), step: String(scale.step),
    value: String(scale.to(log ? Math.sqrt(low * high) : (low + high) / 2)),
  });
  slider.setAttribute("aria-label", unit ? `Your guess, in ${unit}` : "Your guess");
  const exact = Object.assign(element("input", "stage-exact"), { type: "number", step: "any", inputMode: "decimal" });
  const words = element("output", "stage-said", "move the slider");
  /** @type {number | null} */
  let guess = null;
  const say = (/** @type {number | null} */ value) => {
    guess = value;
    words.textContent = value === null ? "move the slider" : counted(value, unit);
    slider.setAttribute("aria-valuetext", value === null ? "nothing chosen yet" : words.textContent);
    node.classList.toggle("stage-untouched", value === null);
    changed();
  };
  slider.oninput = () => {
    const value = scale.from(Number(slider.value));
    exact.value = String(value);
    say(value);
  };
  const typed = () => {
    const value = exact.value.trim() === "" ? NaN : Number(exact.value);
    const usable = Number.isFinite(value) && (!log || value > 0);
    if (usable) slider.value = String(scale.to(value));
    say(usable ? value : null);
  };
  exact.oninput = typed;
  const field = element("label", "stage-exact-field", "exactly");
  field.append(exact, element("span", "", unit));
  const ends = element("div", "stage-ends");
  ends.append(element("span", "", written(low)), element("span", "", written(high)));
  const track = element("div", "stage-track");
  track.append(slider, ends);
  node.append(track, words, field);
  if (typeof initial === "number") {
    exact.value = String(initial);
    typed();
  } else {
    say(null);
  }
  return { node, value: () => guess, remove: () => node.remove() };
}

/** How the positions of the slider and the values belong together. @param {NumberQuestion} question */
function scaleOf(question) {
  const { low, high, log } = question;
  const same = (/** @type {number} */ at) => at;
  if (!log) return { min: low, max: high, step: stepOf(question), from: same, to: same };
  const from = (/** @type {number} */ at) => valueAt(question, at / STEPS);
  const to = (/** @type {number} */ guess) => Math.round(STEPS * shareOf(question, guess));
  return { min: 0, max: STEPS, step: 1, from, to };
}

/** The value at a share of a logarithmic slider, to two digits, whole where its ends are. @param {NumberQuestion} question @param {number} share */
export function valueAt(question, share) {
  const { low, high } = question;
  const value = Number((low * (high / low) ** share).toPrecision(2));
  return Math.min(Math.max(whole(question) ? Math.round(value) : value, low), high);
}

/** @param {NumberQuestion} question @param {number} value */
export function shareOf({ low, high }, value) {
  return Math.min(Math.max(Math.log(value / low) / Math.log(high / low), 0), 1);
}

/** The step of a linear slider: 1, 2 or 5 times a power of ten, some hundred of them. @param {NumberQuestion} question */
export function stepOf(question) {
  const rough = (question.high - question.low) / 100;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Number(((([1, 2, 5].find((digit) => digit * power >= rough * 0.999)) ?? 10) * power).toPrecision(1));
  return whole(question) ? Math.max(step, 1) : step;
}

/** @param {NumberQuestion} question */
function whole({ low, high }) { return Number.isInteger(low) && Number.isInteger(high) && high - low >= 10; }

/** @param {Order} question @param {Guess | null} initial @param {() => void} changed @returns {Form} */
export function orderForm(question, initial, changed) {
  const node = element("div", "stage-order-form");
  const list = element("ol", "stage-order");
  const spoken = element("p", "stage-unseen");
  spoken.setAttribute("aria-live", "polite");
  const order = () => Array.from(list.children, (item) => Number(/** @type {HTMLElement} */ (item).dataset.item));
  const moved = (/** @type {HTMLElement} */ item, say = false) => {
    const items = Array.from(list.children);
    items.forEach((each, i) => {
      const [up, down] = each.querySelectorAll("button");
      up.setAttribute("aria-disabled", String(i === 0));
      down.setAttribute("aria-disabled", String(i === items.length - 1));
    });
    if (say) spoken.textContent = `${item.dataset.text}: place ${items.indexOf(item) + 1} of ${items.length}`;
    changed();
  };
  const start = Array.isArray(initial) ? initial : question.items.map((_, i) => i);
  for (const item of start) list.append(orderItem(question.items[item], item, list, moved));
  node.append(list, spoken);
  moved(/** @type {HTMLElement} */ (list.firstElementChild));
  return { node, value: order, remove: () => node.remove() };
}

/**
 * @param {string} text @param {number} number @param {HTMLElement} list
 * @param {(item: HTMLElement, say?: boolean) => void} moved
 */
function orderItem(text, number, list, moved) {
  const item = element("li", "stage-order-item");
  Object.assign(item.dataset, { item: String(number), text });
  const handle = element("span", "stage-grip", "⠿");
  handle.setAttribute("aria-hidden", "true");
  const mover = (/** @type {number} */ by, /** @type {string} */ sign, /** @type {string} */ way) => {
    const made = button(sign, () => {
      const beside = by < 0 ? item.previousElementSibling : item.nextElementSibling;
      if (!beside) return;
      if (by < 0) beside.before(item);
      else beside.after(item);
      made.focus(); // an element that is moved loses the focus
      moved(item, true);
    });
    made.setAttribute("aria-label", `Move ${way}: ${text}`);
    return made;
  };
  item.append(handle, rich("span", "stage-order-text", text), mover(-1, "↑", "up"), mover(1, "↓", "down"));
  dragged(item, list, moved);
  return item;
}

/** Let an item be dragged by mouse or finger. @param {HTMLElement} item @param {HTMLElement} list @param {(item: HTMLElement) => void} moved */
function dragged(item, list, moved) {
  item.onpointerdown = (event) => {
    const on = /** @type {Element} */ (event.target);
    if (event.button !== 0 || on.closest("button")) return;
    if (event.pointerType === "touch" && !on.closest(".stage-grip")) return; // a finger elsewhere scrolls the page
    event.preventDefault();
    item.setPointerCapture(event.pointerId);
    item.classList.add("stage-dragged");
  };
  item.onpointermove = (event) => {
    if (!item.hasPointerCapture(event.pointerId)) return;
    for (const other of Array.from(list.children)) {
      const { top, bottom } = other.getBoundingClientRect();
      if (other === item || event.clientY < top || event.clientY > bottom) continue;
      if (other.compareDocumentPosition(item) & Node.DOCUMENT_POSITION_FOLLOWING) other.before(item);
      else other.after(item);
      item.setPointerCapture(event.pointerId); // lost where the element is moved
      moved(item);
      break;
    }
  };
  item.onlostpointercapture = item.onpointerup = () => item.classList.remove("stage-dragged");
}
