/* How far a learner has come; kept in the browser, and nowhere else. */

/** @import { Place } from "./steps.js" */

const NAME = "cvt-lessons";

/** @typedef {{ learner: string, done: string[], right: string[], last: Place | null }} Kept */

export class Progress {
  /** @param {Pick<Storage, "getItem" | "setItem"> | null} storage null where the browser keeps nothing */
  constructor(storage) {
    this.storage = storage;
    /** @type {Kept} */
    this.kept = { learner: Math.random().toString(36).slice(2, 10), done: [], right: [], last: null };
    try {
      const kept = JSON.parse(storage?.getItem(NAME) ?? "null");
      if (isKept(kept)) this.kept = kept;
      else this.write();
    } catch {
      // what somebody else wrote there is no progress
    }
  }

  /** A name that no other learner has; it goes nowhere. */
  get learner() {
    return this.kept.learner;
  }

  /** @returns {Place | null} where the learner was last */
  get last() {
    return this.kept.last;
  }

  /** @param {Place} place */
  isDone({ lesson, step }) {
    return this.kept.done.includes(`${lesson}.${step}`);
  }

  /** @param {string} question */
  isRight(question) {
    return this.kept.right.includes(question);
  }

  /** @param {Place} place */
  note({ lesson, step }) {
    this.keep("done", `${lesson}.${step}`);
  }

  /** @param {string} question */
  noteRight(question) {
    this.keep("right", question);
  }

  /** @param {Place} place */
  noteLast(place) {
    this.kept.last = place;
    this.write();
  }

  /**
   * @param {"done" | "right"} list
   * @param {string} name
   */
  keep(list, name) {
    if (this.kept[list].includes(name)) return;
    this.kept[list].push(name);
    this.write();
  }

  write() {
    try {
      this.storage?.setItem(NAME, JSON.stringify(this.kept));
    } catch {
      // a full or a closed store: the lessons go on without
    }
  }
}

/** The browser's own store; null where it is closed to the page. */
export function storeOfBrowser() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

/**
 * @param {any} kept
 * @returns {kept is Kept}
 */
function isKept(kept) {
  const isList = (/** @type {unknown} */ list) => Array.isArray(list) && list.every((name) => typeof name === "string");
  return typeof kept?.learner === "string" && isList(kept.done) && isList(kept.right);
}
