/* The lessons and their steps, one line each, with how far somebody has come. */

import { addressWith } from "../shared/address.js";
import { make } from "../shared/dom.js";

/** @import { Lesson, Words } from "../types.js" */
/** @import { Progress } from "./progress.js" */
/** @import { Place } from "./steps.js" */

/**
 * Every lesson as a `[data-lesson]`, folded, with its steps as `[data-step]`: links, which open here.
 * @param {Words} words
 * @param {Lesson[]} lessons
 * @param {Progress} progress
 * @param {(place: Place) => void} open
 */
export function contents(words, lessons, progress, open) {
  return make("ol", { class: "contents" }, ...lessons.map((lesson) => lessonItem(words, lesson, progress, open)));
}

/**
 * @param {Words} words
 * @param {Lesson} lesson
 * @param {Progress} progress
 * @param {(place: Place) => void} open
 */
function lessonItem(words, { number, title, steps }, progress, open) {
  const places = steps.map((_, index) => ({ lesson: number, step: index + 1 }));
  const done = places.filter((place) => progress.isDone(place)).length;
  const link = (/** @type {Place} */ place, /** @type {string} */ text) => {
    const node = make("a", { href: addressOf(place) }, text);
    node.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // into a tab of its own
      event.preventDefault();
      open(place);
    });
    return node;
  };
  const items = places.map((place, index) =>
    make(
      "li",
      { "data-step": place.step, ...(progress.isDone(place) ? { "data-done": true } : {}) },
      link(place, steps[index].title),
      ...(progress.isDone(place) ? [make("span", { class: "tick" }, words("done"))] : []),
    ),
  );
  const told = done ? words("so far", { done, count: steps.length }) : words("steps", { count: steps.length });
  return make(
    "li",
    { "data-lesson": number },
    make("details", {}, make("summary", {}, title, make("small", {}, told)), make("ol", {}, ...items)),
  );
}

/**
 * The address of a step on this page.
 * @param {Place} place
 * @param {Record<string, unknown>} [more]
 */
export function addressOf({ lesson, step }, more = {}) {
  return addressWith(new URL("?", location.href).href, { ...kept(), lesson, step, ...more });
}

/** What an address of a step keeps of the page's: language, model and example. */
function kept() {
  const parameters = new URLSearchParams(location.search);
  return Object.fromEntries(["lang", "model", "example"].map((name) => [name, parameters.get(name)]));
}
