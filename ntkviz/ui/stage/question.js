// @ts-check
// The question at the top of a stage: asked before the answer is shown, and compared with it after.

import { button, element, rich } from "./dom.js";
import { choiceForm, numberForm, orderForm } from "./forms.js";
import { reveal } from "./reveal.js";
import { compare, fits, repeated, stated } from "./score.js";
import { sketchForm } from "./sketch.js";

/** @import { Form, Guess, Question } from "./types.d.ts" */
/** @import { Stage } from "./stage.js" */

export class QuestionBlock {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    this.node = element("section", "stage-question");
    this.node.setAttribute("aria-label", "Question");
    /** @type {Question | null} */
    this.question = null;
    /** @type {Form | null} */
    this.form = null;
    this.drawn = ""; // what stands there, to leave it alone while nothing changes
    this.acted = false; // has the visitor just answered? Then the focus goes to the answer
    this.submit = element("button", "stage-primary", "This is my guess");
    this.submit.type = "submit";
  }

  get key() { return this.stage.member.key; }

  /** Drop a guess that is kept from an earlier version of the question. @param {Question | null} question @param {string} key */
  check(question, key) {
    const kept = reveal.keeper.read(key);
    if (question && kept && "guess" in kept && !fits(question, kept.guess)) reveal.keeper.remove(key);
  }

  /** @param {Question | null} question @param {boolean} open */
  update(question, open) {
    this.question = question;
    this.node.style.display = question ? "" : "none";
    const guess = question && open ? reveal.guess(this.key) : null;
    const wanted = question ? JSON.stringify(open ? [question, guess] : [unanswered(question), this.surface(question)]) : "";
    if (wanted !== this.drawn) {
      this.drawn = wanted;
      const draft = this.form && !open ? this.form.value() : null;
      this.form?.remove();
      this.form = null;
      if (!question) this.node.replaceChildren();
      else if (open) this.showResult(question, guess);
      else this.showForm(question, draft);
    }
    if (open || !question) this.stage.showGuess(question, guess);
  }

  /** Whether a sketch has its chart yet. @param {Question} question */
  surface(question) { return question.kind !== "sketch" || this.stage.cells.has(question.chart); }

  /** @param {Question} question @param {Guess | null} draft what was chosen before the words changed */
  showForm(question, draft) {
    const form = element("form", "stage-form");
    const fields = element("fieldset");
    const actions = element("div", "stage-actions");
    fields.append(rich("legend", "stage-asks", question.asks));
    form.append(fields, actions);
    this.submit.setAttribute("form", (form.id = `ntkviz-question-${this.stage.data?.slot ?? "a"}`));
    const made = this.makeForm(question, draft !== null && fits(question, draft) ? draft : null, actions);
    if (made) {
      this.form = made;
      fields.append(made.node);
      if (question.kind !== "sketch") actions.append(this.submit);
    } else {
      fields.append(element("p", "stage-hint", "The chart to draw on appears as soon as there is one."));
    }
    actions.append(button("Show me", () => this.act({ skipped: true })));
    form.onsubmit = (event) => {
      event.preventDefault();
      const guess = this.form?.value() ?? null;
      if (guess !== null) this.act({ guess });
    };
    this.node.classList.remove("stage-answered");
    this.node.replaceChildren(...this.setup(question), form);
    if (this.acted) /** @type {HTMLElement | null} */ (this.node.querySelector("input, button"))?.focus();
    this.acted = false;
    this.changed();
  }

  /** @param {Question} question @param {Guess | null} draft @param {HTMLElement} actions @returns {Form | null} */
  makeForm(question, draft, actions) {
    const changed = () => this.changed();
    if (question.kind === "choice") return choiceForm(question, draft, changed);
    if (question.kind === "number") return numberForm(question, draft, changed);
    if (question.kind === "order") return orderForm(question, draft, changed);
    const cell = this.stage.cells.get(question.chart);
    return cell ? sketchForm(question, cell, changed, this.submit, actions) : null;
  }

  /** The visitor has moved a control: the guess can be submitted, and a number is marked on its chart. */
  changed() {
    const guess = this.form?.value() ?? null;
    this.submit.disabled = guess === null;
    if (this.question?.kind !== "sketch") this.stage.showGuess(this.question, guess);
    else this.stage.showGuess(null, null);
  }

  /** @param {import("./types.d.ts").Kept} kept */
  act(kept) {
    this.acted = true;
    reveal.keep(this.key, kept);
  }

  /** @param {Question} question */
  setup(question) { return question.setup ? [rich("p", "stage-setup", question.setup)] : []; }

  /** @param {Question} question @param {Guess | null} guess */
  showResult(question, guess) {
    const { verdict, reply } = this.result(question, guess);
    const result = element("div", "stage-result");
    result.setAttribute("aria-live", "polite");
    const main = rich("p", "stage-verdict", verdict);
    main.tabIndex = -1;
    if (verdict) result.append(main);
    for (const text of [reply, question.explains, question.shows]) if (text) result.append(rich("p", "", text));
    const actions = element("div", "stage-actions");
    actions.append(button("Ask again", () => { this.acted = true; reveal.askAgain(this.key); }),
      button("Forget my answers", () => { this.acted = true; reveal.forget(); }));
    this.node.classList.add("stage-answered");
    this.node.replaceChildren(...this.setup(question), rich("p", "stage-asks", question.asks), result, actions);
    if (this.acted) main.focus({ preventScroll: true });
    this.acted = false;
  }

  /** @param {Question} question @param {Guess | null} guess */
  result(question, guess) {
    if (question.answer === null) {
      return { verdict: "This question has no answer at these settings, so everything is shown.", reply: "" };
    }
    if (question.answer === undefined) {
      const said = guess === null ? "" : `${repeated(question, guess)} `;
      const pending = question.pending ?? "The run is not finished; the answer appears here when it is.";
      return { verdict: `${said}${pending}`, reply: "" };
    }
    if (guess === null) return { verdict: stated(question), reply: "" };
    const cell = question.kind === "sketch" ? this.stage.cells.get(question.chart) : undefined;
    return compare(question, guess, question.kind === "sketch" ? cell?.scales(question) : undefined);
  }
}

/** What of a question is known before its answer: while that stays the same, its controls stay. @param {Question} question */
function unanswered(question) {
  return { ...question, answer: undefined, pending: "", explains: "", shows: "" };
}
