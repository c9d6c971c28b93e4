/* What lessons mean, and whether answers are right. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { judge, optionText, readNumber, solution, variantOf } from "../../web/lessons/answers.js";
import { Progress } from "../../web/lessons/progress.js";
import { explorerWish, neighbour, paragraphsOf, placeIn, resolved } from "../../web/lessons/steps.js";

/** @import { Asked, Lesson, LessonFacts, LessonStep } from "../../web/types.js" */

const step = (/** @type {Partial<LessonStep>} */ told) =>
  /** @type {LessonStep} */ ({
    ...{ title: "", paragraphs: [], questions: [], open: {}, close_up: {}, laboratory: {}, table: false, wait: {} },
    ...told,
  });
const lessons = /** @type {Lesson[]} */ (
  [2, 3].map((count, index) => ({ number: index + 1, steps: Array.from({ length: count }, () => step({})) }))
);
const facts = /** @type {LessonFacts} */ (
  /** @type {unknown} */ ({
    table: [
      { grid: [8, 6], blocks: 1 },
      { grid: [4, 3], blocks: 4 },
    ],
  })
);

/** @param {Partial<Asked>} told */
const asked = (told) =>
  /** @type {Asked} */ ({
    ...{ kind: "number", answer: 21, values: {}, tolerance: 0, slips: {}, options: [], tokens: [], open: {} },
    ...told,
  });

test("paragraphs stand where the model has what they speak of", () => {
  const told = step({
    paragraphs: ["{n} tokens.", "[cls] With CLS.", "[not cls] Without.", "[cls] > Look.", "[token](token) is a term."],
  });
  const texts = (/** @type {string[]} */ traits) => paragraphsOf(told, traits, { n: 4 });
  assert.deepEqual(texts([]), [
    { text: "4 tokens.", isTask: false },
    { text: "Without.", isTask: false },
    { text: "[token](token) is a term.", isTask: false },
  ]);
  assert.deepEqual(texts(["cls"])[1], { text: "With CLS.", isTask: false });
  assert.deepEqual(texts(["cls"])[2], { text: "Look.", isTask: true });
});

test("an address names a step, or the nearest one there is", () => {
  assert.deepEqual(placeIn("?lesson=2&step=3", lessons), { lesson: 2, step: 3 });
  assert.deepEqual(placeIn("?lesson=2", lessons), { lesson: 2, step: 1 });
  assert.deepEqual(placeIn("?lesson=1&step=9", lessons), { lesson: 1, step: 2 });
  assert.deepEqual(placeIn("?lesson=1&step=-4", lessons), { lesson: 1, step: 1 });
  for (const search of ["", "?lesson=3", "?lesson=one", "?step=2"]) assert.equal(placeIn(search, lessons), null);
});

test("steps follow one another through all lessons", () => {
  assert.deepEqual(neighbour(lessons, { lesson: 1, step: 2 }, 1), { lesson: 2, step: 1 });
  assert.deepEqual(neighbour(lessons, { lesson: 2, step: 1 }, -1), { lesson: 1, step: 2 });
  assert.equal(neighbour(lessons, { lesson: 1, step: 1 }, -1), null);
  assert.equal(neighbour(lessons, { lesson: 2, step: 3 }, 1), null);
});

test("what a step opens is fitted to the model", () => {
  assert.deepEqual(resolved({ stage: "last", query: "middle" }, facts), { stage: 2, query: [2, 2] });
  assert.deepEqual(resolved({ stage: 3 }, facts), { stage: 2 });
  assert.deepEqual(resolved({ stage: "last", block: -1 }, facts), { stage: 2, block: 4 });
  assert.deepEqual(resolved({ stage: 1, query: "corner", kind: "block" }, facts), {
    ...{ stage: 1, query: [1, 1], kind: "block" },
  });
});

test("people count from 1, the explorer from 0", () => {
  const wish = { view: "attention", stage: 1, block: 2, head: 1, channel: 5, query: "3,4" };
  assert.deepEqual(explorerWish(wish, facts), { ...wish, block: 1, head: 0, channel: 4, query: [2, 3] });
  const kept = { stage: 2, head: "mean", channel: "norm", query: "cls" };
  assert.deepEqual(explorerWish(kept, facts), kept);
});

test("numbers are read as people type them", () => {
  const typed = { 21: 21, "２１": 21, " 1,296 ": 1296, "−0.5": -0.5, ".25": 0.25, "3.8 %": 3.8, "0,25": 0.25, "4×": 4 };
  for (const [text, number] of Object.entries(typed)) assert.equal(readNumber(text), number, text);
  for (const text of ["", "many", "1-2", "3 × 7", "1e9"]) assert.equal(readNumber(text), null, text);
});

test("a wrong number gets the reason for its mistake", () => {
  const question = { name: "q", ask: "", says: { right: "{a} × 7.", wrong: "Multiply.", side: "One side only." } };
  const told = asked({ values: { a: 3 }, slips: { side: 3 } });
  assert.deepEqual(judge(question, told, 21), { isRight: true, said: "3 × 7." });
  assert.deepEqual(judge(question, told, 3), { isRight: false, said: "One side only." });
  assert.deepEqual(judge(question, told, 20), { isRight: false, said: "Multiply." });
  assert.equal(judge(question, asked({ answer: 3.85, tolerance: 0.1 }), 3.8).isRight, true);
  assert.equal(judge(question, asked({ answer: 3.85, tolerance: 0.1 }), 4).isRight, false);
  assert.equal(solution(question, told), "21");
  assert.equal(solution({ ...question, says: { shown: "{a} and 7" } }, told), "3 and 7");
});

test("every option of a choice has its remark", () => {
  const question = { name: "q", ask: "", says: { same: "As {n} were. → Yes.", other: "Fewer. → No: {n} stay." } };
  const told = asked({ kind: "choice", answer: "same", values: { n: 4 }, options: [["other", {}], ["same", {}]] }); // prettier-ignore
  assert.equal(optionText(question, "same", told.values), "As 4 were.");
  assert.deepEqual(judge(question, told, "same"), { isRight: true, said: "Yes." });
  assert.deepEqual(judge(question, told, "other"), { isRight: false, said: "No: 4 stay." });
  assert.equal(solution(question, told), "As 4 were. Yes.");
  const heads = { name: "q", ask: "", says: { option: "Head {head}", right: "Yes.", wrong: "No." } };
  assert.equal(optionText(heads, "head2", { head: 2 }), "Head 2");
  assert.deepEqual(judge(heads, asked({ kind: "choice", answer: "head2" }), "head1"), { isRight: false, said: "No." });
});

test("any of a question's tokens is right", () => {
  const told = asked({ kind: "token", answer: "2, 3", tokens: [[2, 3], [2, 4]] }); // prettier-ignore
  const question = { name: "q", ask: "", says: { right: "Yes.", wrong: "No." } };
  assert.equal(judge(question, told, [2, 4]).isRight, true);
  assert.equal(judge(question, told, [3, 2]).isRight, false);
});

test("two learners get different variants, one learner always the same", () => {
  const learners = Array.from({ length: 400 }, (_, index) => variantOf(`learner-${index} photo question`, 8));
  assert.ok(learners.every((one) => Number.isInteger(one) && one >= 0 && one < 8));
  for (let variant = 0; variant < 8; variant++) {
    const count = learners.filter((one) => one === variant).length;
    assert.ok(count > 20 && count < 90, `${variant}: ${count}`);
  }
  assert.equal(variantOf("a", 8), variantOf("a", 8));
});

/** A store like the browser's. */
function store(/** @type {string | null} */ held = null) {
  return {
    held,
    getItem() {
      return this.held;
    },
    setItem(/** @type {string} */ _, /** @type {string} */ value) {
      this.held = value;
    },
  };
}

test("progress is kept", () => {
  const kept = store();
  const first = new Progress(kept);
  first.note({ lesson: 1, step: 2 });
  first.noteRight("products");
  first.noteLast({ lesson: 1, step: 3 });
  const again = new Progress(kept);
  assert.equal(again.learner, first.learner);
  assert.ok(again.isDone({ lesson: 1, step: 2 }) && !again.isDone({ lesson: 2, step: 1 }));
  assert.ok(again.isRight("products") && !again.isRight("keys"));
  assert.deepEqual(again.last, { lesson: 1, step: 3 });
});

test("without a store, or with somebody else's words in it, the lessons begin anew", () => {
  const broken = { getItem: () => "{", setItem: () => assert.fail("full") };
  for (const kept of [null, store("{}"), store("7"), store('{"learner":"a","done":[3],"right":[]}'), broken]) {
    const progress = new Progress(/** @type {any} */ (kept));
    progress.note({ lesson: 1, step: 1 });
    assert.ok(progress.isDone({ lesson: 1, step: 1 }));
    assert.equal(progress.last, null);
  }
});

test("where there is no CLS, a step shows what is looked at instead of what CLS gathers", () => {
  const wish = { view: "attention_cls", stage: 2 };
  assert.equal(explorerWish(wish, { ...facts, traits: ["cls"] }).view, "attention_cls");
  assert.equal(explorerWish(wish, { ...facts, traits: [] }).view, "attention_received");
});
