// @ts-check
// Whether the answer is shown, for all stages of a page: guesses, where they are kept, and who is told.
//
// The root element of the page carries `data-ntkviz="open"` while no stage hides an answer, and the presets whose answer
// is shown in `data-ntkviz-open`; style sheets hide what belongs to the answer until then (see `hiding` in stage.py).

/** @import { Ask, Guess, Kept } from "./types.d.ts" */

const PREFIX = "ntkviz.guess.";

/**
 * @typedef {object} Member a stage, as the store knows it
 * @property {string} key the preset
 * @property {Ask} ask
 * @property {boolean} unanswerable whether its question has no answer at these settings
 * @property {() => boolean} connected
 * @property {() => void} changed
 */

/** Guesses in the browser's storage; in memory where the browser has none for us, as in a private window. */
export class Keeper {
  /** @param {() => Storage} storage throws where there is none */
  constructor(storage) {
    /** @type {Map<string, Kept>} */
    this.memory = new Map();
    this.storage = storage;
  }

  /** @param {string} key @returns {Kept | null} */
  read(key) {
    if (this.memory.has(key)) return this.memory.get(key) ?? null;
    const text = this.trying((storage) => storage.getItem(PREFIX + key));
    try {
      const kept = text ? JSON.parse(text) : null;
      return kept && typeof kept === "object" && ("guess" in kept || kept.skipped === true) ? kept : null;
    } catch {
      return null;
    }
  }

  /** @param {string} key @param {Kept} kept */
  write(key, kept) {
    this.memory.set(key, kept);
    this.trying((storage) => storage.setItem(PREFIX + key, JSON.stringify(kept)));
  }

  /** @param {string} key */
  remove(key) {
    this.memory.delete(key);
    this.trying((storage) => storage.removeItem(PREFIX + key));
  }

  clear() {
    this.memory.clear();
    this.trying((storage) => {
      const keys = Array.from({ length: storage.length }, (_, i) => storage.key(i) ?? "");
      for (const key of keys) if (key.startsWith(PREFIX)) storage.removeItem(key);
    });
  }

  /** @template T @param {(storage: Storage) => T} act @returns {T | null} */
  trying(act) {
    try {
      return act(this.storage());
    } catch {
      return null; // not allowed, or full
    }
  }
}

export class Reveal {
  /** @param {Keeper} keeper @param {(open: boolean, presets: string[]) => void} mark says on the page what is open */
  constructor(keeper, mark) {
    this.keeper = keeper;
    this.mark = mark;
    /** @type {Set<Member>} */
    this.members = new Set();
    /** @type {Set<string>} answered since the page was loaded */
    this.answered = new Set();
    /** @type {Set<string>} asked again since the page was loaded */
    this.again = new Set();
  }

  /** A stage has a new message: what it says of the question holds from now on. @param {Member} member */
  join(member) {
    this.members.add(member);
    this.publish(member);
  }

  /** Forget the stages that are not on the page any more. */
  prune() {
    const gone = [...this.members].filter((member) => !member.connected());
    for (const member of gone) this.members.delete(member);
    if (gone.length) this.publish();
  }

  /** @param {Member} member */
  isOpen({ key, ask }) {
    if (ask === "none") return true;
    if ([...this.members].some((other) => other.key === key && other.unanswerable)) return true;
    if (this.again.has(key)) return false;
    if (ask === "open" || this.answered.has(key)) return true;
    return ask === "auto" && this.keeper.read(key) !== null;
  }

  /** @param {string} key @returns {Guess | null} */
  guess(key) {
    return this.again.has(key) ? null : (this.keeper.read(key)?.guess ?? null);
  }

  /** @param {string} key @param {Kept} kept */
  keep(key, kept) {
    this.keeper.write(key, kept);
    this.answered.add(key);
    this.again.delete(key);
    this.publish();
  }

  /** @param {string} key */
  askAgain(key) {
    this.keeper.remove(key);
    this.answered.delete(key);
    this.again.add(key);
    this.publish();
  }

  forget() {
    this.keeper.clear();
    this.answered.clear();
    for (const { key } of this.members) this.again.add(key);
    this.publish();
  }

  /** Say on the page what is open, then to every stage but one. @param {Member} [but] */
  publish(but) {
    const states = [...this.members].map((member) => ({ member, open: this.isOpen(member) }));
    const closed = new Set(states.filter(({ open }) => !open).map(({ member }) => member.key));
    const presets = new Set(states.map(({ member }) => member.key).filter((key) => key && !closed.has(key)));
    this.mark(states.length > 0 && closed.size === 0, [...presets]);
    for (const member of this.members) if (member !== but) member.changed();
  }
}

/** @param {boolean} open @param {string[]} presets */
function markPage(open, presets) {
  const { dataset } = document.documentElement;
  if (open) dataset.ntkviz = "open";
  else delete dataset.ntkviz;
  dataset.ntkvizOpen = presets.join(" ");
}

/** The one store of the page. */
export const reveal = new Reveal(new Keeper(() => window.localStorage), markPage);

// When a page is left, its stages go; what belongs to the next page's answer must not be seen for a moment.
if (typeof document !== "undefined") {
  new MutationObserver(() => reveal.prune()).observe(document, { childList: true, subtree: true });
}
