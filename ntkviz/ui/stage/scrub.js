// @ts-check
// The slider that moves all charts of a stage through their frames, with a button that plays them.

import { button, element } from "./dom.js";

/** @import { Scrub } from "./types.d.ts" */

const PACE = 90; // ms a frame

export class Slider {
  /**
   * @param {(frame: number) => void} moved called for every frame
   * @param {() => void} rested called when the slider is let go, paused, or at the end
   */
  constructor(moved, rested) {
    this.moved = moved;
    this.rested = rested;
    this.frame = 0;
    /** @type {ReturnType<typeof setInterval> | null} */
    this.timer = null;
    this.node = element("div", "stage-scrub");
    this.play = button("", () => (this.timer ? this.pause() : this.start()), "stage-play");
    this.input = element("input");
    Object.assign(this.input, { type: "range", min: "0", step: "1" });
    this.input.oninput = () => this.moved(Number(this.input.value));
    this.input.onchange = () => this.rested();
    this.output = element("output");
    this.node.append(this.play, this.input, this.output);
    this.halt();
    this.update(null, 0);
  }

  /** @param {Scrub | null} scrub @param {number} frame */
  update(scrub, frame) {
    this.scrub = scrub;
    this.node.style.display = scrub ? "" : "none";
    if (!scrub) return this.halt();
    this.play.hidden = !scrub.play;
    this.input.max = String(scrub.values.length - 1);
    this.input.setAttribute("aria-label", scrub.label);
    this.show(frame);
  }

  /** @param {number} frame */
  show(frame) {
    this.frame = frame;
    if (!this.scrub) return;
    this.input.value = String(frame);
    this.output.textContent = named(this.scrub, frame);
    this.input.setAttribute("aria-valuetext", this.output.textContent);
  }

  start() {
    if (!this.scrub) return;
    if (this.frame >= this.scrub.values.length - 1) this.moved(0);
    this.say("❚❚", "Pause");
    this.timer = setInterval(() => {
      const last = (this.scrub?.values.length ?? 1) - 1;
      this.moved(Math.min(this.frame + 1, last));
      if (this.frame >= last || !this.node.isConnected) this.pause();
    }, PACE);
  }

  pause() {
    this.halt();
    this.rested();
  }

  halt() {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
    this.say("▶", "Play");
  }

  /** @param {string} sign @param {string} words */
  say(sign, words) {
    this.play.textContent = sign;
    this.play.setAttribute("aria-label", words);
  }
}

/** "step k = 14", or "mode 3" where the label has no sign of its own. @param {Scrub} scrub @param {number} frame */
export function named(scrub, frame) {
  return `${scrub.label} ${scrub.values[frame] ?? ""}`;
}
