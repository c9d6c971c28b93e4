/* What a lesson's text means on this page: which paragraphs stand, what a step opens, and which step comes next. */

import { fill } from "../shared/words.js";

/** @import { Lesson, LessonFacts, LessonStep } from "../types.js" */

/** @typedef {{ lesson: number, step: number }} Place both from 1 */
/** @typedef {{ text: string, isTask: boolean }} Paragraph */

const CONDITION = /^\[(not )?([a-z-]+)\] (?!\()/;

/**
 * The paragraphs of a step that hold for a model, their blanks filled in.
 * @param {LessonStep} step
 * @param {string[]} traits of the model, and of the page
 * @param {Record<string, unknown>} numbers
 * @returns {Paragraph[]}
 */
export function paragraphsOf({ paragraphs }, traits, numbers) {
  return paragraphs.flatMap((paragraph) => {
    const found = CONDITION.exec(paragraph);
    if (found && traits.includes(found[2]) === Boolean(found[1])) return [];
    const text = fill(found ? paragraph.slice(found[0].length) : paragraph, numbers);
    return [text.startsWith("> ") ? { text: text.slice(2), isTask: true } : { text, isTask: false }];
  });
}

/**
 * The place that an address names: of a lesson alone its first step, of a step that is not there the nearest one.
 * @param {string} search
 * @param {Lesson[]} lessons
 * @returns {Place | null}
 */
export function placeIn(search, lessons) {
  const parameters = new URLSearchParams(search);
  const lesson = Number(parameters.get("lesson"));
  const found = lessons.find(({ number }) => number === lesson);
  if (!found) return null;
  const step = Math.trunc(Number(parameters.get("step"))) || 1;
  return { lesson, step: Math.min(Math.max(step, 1), found.steps.length) };
}

/**
 * The step before or after another, through all lessons; null at either end.
 * @param {Lesson[]} lessons
 * @param {Place} place
 * @param {1 | -1} way
 * @returns {Place | null}
 */
export function neighbour(lessons, { lesson, step }, way) {
  const all = lessons.flatMap(({ number, steps }) => steps.map((_, index) => ({ lesson: number, step: index + 1 })));
  const at = all.findIndex((place) => place.lesson === lesson && place.step === step);
  return all[at + way] ?? null;
}

/**
 * What a step opens, in numbers: "last" and stages that a model lacks become its last stage, "middle" and "corner"
 * tokens of the stage, and negative blocks count from its end. Everything counts from 1.
 * @param {Record<string, unknown>} given
 * @param {Pick<LessonFacts, "table">} facts
 * @returns {Record<string, unknown>}
 */
export function resolved(given, { table }) {
  const count = table.length;
  const stage = given.stage === "last" ? count : Math.min(Number(given.stage ?? count), count);
  const { grid, blocks } = table[stage - 1];
  const [rows, columns] = grid;
  /** @type {Record<string, [number, number]>} */
  const places = { middle: [Math.ceil(rows / 2), Math.ceil(columns / 2)], corner: [1, 1] };
  const wish = { ...given };
  if ("stage" in given) wish.stage = stage;
  if (Number(given.block) < 0) wish.block = blocks + 1 + Number(given.block);
  if (typeof given.query === "string" && given.query in places) wish.query = places[given.query];
  return wish;
}

/**
 * The same as the explorer's `open` takes it: stages count from 1, everything else from 0. Where nothing is gathered by
 * CLS, what is looked at is shown.
 * @param {Record<string, unknown>} given
 * @param {Pick<LessonFacts, "table" | "traits">} facts
 */
export function explorerWish(given, facts) {
  const wish = resolved(given, facts);
  if (wish.view === "attention_cls" && !facts.traits.includes("cls")) wish.view = "attention_received";
  for (const name of ["block", "head", "channel"]) if (name in wish) wish[name] = fromZero(wish[name]);
  const query = typeof wish.query === "string" ? wish.query.split(",") : wish.query;
  if (Array.isArray(query) && query.length === 2) wish.query = query.map(fromZero);
  return wish;
}

/** @param {unknown} value */
function fromZero(value) {
  const number = Number(value);
  return Number.isInteger(number) && number > 0 ? number - 1 : value;
}
