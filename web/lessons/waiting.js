/* The other parts of the page, as a step sees them: what it opens there, and what it waits for. */

import { explorerWish, resolved } from "./steps.js";

/** @import { LessonFacts, LessonStep } from "../types.js" */

/** @typedef {"explorer" | "closeup" | "laboratory"} PartName */
/** @typedef {HTMLElement & Record<PartName, { open(wish: object): Promise<void>, close?(): void }>} PartRoot */

/**
 * @param {PartName} name
 * @returns {PartRoot | null}
 */
export function partOf(name) {
  return document.querySelector(`#${name}`);
}

/**
 * Resolves when something is in the document; never while it is not.
 * @param {string} selector
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function until(selector, signal) {
  return new Promise((resolve) => {
    if (document.querySelector(selector)) return resolve();
    const observer = new MutationObserver(() => {
      if (!document.querySelector(selector)) return;
      observer.disconnect();
      resolve();
    });
    observer.observe(document.body, {
      childList: true,
      subtree: true,
      attributes: true,
      attributeFilter: ["data-state"],
    });
    signal.addEventListener("abort", () => observer.disconnect());
  });
}

/**
 * Open what a step shows. Parts that it does not speak of are closed, those that the page lacks are left out.
 * @param {LessonStep} step
 * @param {LessonFacts} facts
 * @param {AbortSignal} signal
 * @returns {Promise<() => void>} what brings it into sight
 */
export async function openStep({ open, close_up, laboratory }, facts, signal) {
  let show = showMap;
  await until("#explorer[data-state=ready]", signal);
  if (signal.aborted) return show;
  await partOf("explorer")?.explorer.open(explorerWish(open, facts));
  for (const [name, wish] of /** @type {[PartName, object][]} */ (Object.entries({ closeup: close_up, laboratory }))) {
    const root = partOf(name);
    if (signal.aborted || !root?.[name]) continue;
    if (Object.keys(wish).length) {
      await root[name].open(resolved(/** @type {any} */ (wish), facts));
      show = () => root.scrollIntoView({ block: "start" });
    } else {
      root[name].close?.();
    }
  }
  return show;
}

/**
 * Call back when the learner has done what a step waits for: a state of a part has taken so many other values.
 * @param {LessonStep["wait"]} wait
 * @param {() => void} done
 * @param {AbortSignal} signal
 */
export function waitFor({ on, name, times = 1 }, done, signal) {
  const root = partOf(/** @type {PartName} */ (on));
  if (!root || !name) return;
  const first = root.dataset[name];
  /** @type {Set<string>} */
  const seen = new Set();
  const observer = new MutationObserver(() => {
    const now = root.dataset[name];
    if (now === undefined || now === first) return;
    seen.add(now);
    if (seen.size < times) return;
    observer.disconnect();
    done();
  });
  observer.observe(root, { attributes: true, attributeFilter: [`data-${name}`] });
  signal.addEventListener("abort", () => observer.disconnect());
}

/**
 * Call back with the token on the explorer now and whenever it changes, as the address writes it: "row,column" or "cls".
 * @param {(token: string) => void} tell
 * @param {AbortSignal} signal
 */
export function followToken(tell, signal) {
  const root = partOf("explorer");
  if (!root) return;
  const observer = new MutationObserver(() => tell(root.dataset.query ?? ""));
  observer.observe(root, { attributes: true, attributeFilter: ["data-query"] });
  signal.addEventListener("abort", () => observer.disconnect());
  tell(root.dataset.query ?? "");
}

/** Bring the map into sight: on a phone it lies above the lesson. */
export function showMap() {
  const narrow = matchMedia("(max-width: 1023px)").matches;
  partOf("explorer")
    ?.querySelector(".frame")
    ?.scrollIntoView({ block: narrow ? "start" : "nearest" });
}
