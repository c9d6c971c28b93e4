/* What is tried in a laboratory, and what follows. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { stepMarks, topOf } from "../../web/laboratory/chart.js";
import { consequence, firstSetup, inShort, moved, settle, told, wholeSteps } from "../../web/laboratory/setups.js";

/** @import { LaboratoryValue, Trial } from "../../web/laboratory/types.js" */

const value = /** @type {LaboratoryValue} */ ({
  ...{ key: "a", made: 0, side: 144, least: 32, most: 288, most_shift: 32, pieces: [2, 4], trial: null, refused: null },
  stages: [
    { blocks: 1, heads: 1, step: 4 },
    { blocks: 4, heads: 2, step: 8 },
  ],
  changes: { place: ["shift", "size", "border"], break: ["keys", "head", "activation"] },
  ...{ activations: ["gelu", "relu"], activation: "quick_gelu", keys: 2 },
});
const first = firstSetup(value);

test("the first laboratory has changed nothing", () => {
  assert.deepEqual(told(first), { kind: "place", change: "shift", way: "right", by: 0 });
  assert.equal(inShort(first), "shift right 0");
  assert.deepEqual(told(settle(value, first, { kind: "break" })), { kind: "break" });
});

test("wishes are fitted to what the model has", () => {
  const head = settle(value, first, { kind: "break", change: "head", stage: "2", block: 9, head: 2 });
  assert.deepEqual(told(head), { kind: "break", change: "head", stage: 2, block: 4, head: 2 });
  assert.deepEqual(told(settle(value, head, { stage: 1 })), { ...told(head), stage: 1, block: 1, head: 1 });
  const none = settle(value, head, { change: "cls" });
  assert.equal(none.change, "head");
  assert.equal(settle(value, first, { kind: "break", change: "cls" }).change, null);
  assert.equal(settle(value, first, { change: "keys" }).kind, "break");
  assert.deepEqual(told(settle(value, first, { change: "activation", to: "relu" })).to, "relu");
  assert.deepEqual(told(settle(value, first, { change: "activation", to: "quick_gelu" })).to, "gelu");
  const size = settle(value, first, { change: "size", longest: 5000, shape: "round" });
  assert.deepEqual(told(size), { kind: "place", change: "size", longest: 288, shape: "square" });
  assert.equal(settle(value, { ...first, by: 7 }, { by: "x" }).by, 7);
});

test("arrow keys move the photo along, back, and over to the other side", () => {
  const at = /** @param {number} by */ (by) => ({ way: /** @type {const} */ ("right"), by });
  assert.deepEqual(moved(at(0), "right", 1, 32), at(1));
  assert.deepEqual(moved(at(32), "right", 4, 32), at(32));
  assert.deepEqual(moved(at(5), "left", 4, 32), at(1));
  assert.deepEqual(moved(at(1), "left", 4, 32), { way: "left", by: 3 });
  assert.deepEqual(moved(at(0), "left", 1, 32), { way: "left", by: 1 });
  assert.deepEqual(moved(at(5), "down", 1, 32), { way: "down", by: 1 });
});

test("whole steps are those of the last stage that they fit", () => {
  assert.deepEqual(wholeSteps(value, 16), { stage: 2, step: 8, places: 2 });
  assert.deepEqual(wholeSteps(value, 12), { stage: 1, step: 4, places: 3 });
  assert.equal(wholeSteps(value, 6), null);
  assert.equal(wholeSteps(value, 0), null);
  assert.deepEqual(stepMarks([4, 8], 16), [
    { by: 4, stage: 1 },
    { by: 8, stage: 2 },
    { by: 12, stage: 1 },
    { by: 16, stage: 2 },
  ]);
});

test("what follows is told of what was done", () => {
  const side = { height: 144, width: 144, tokens: [1296, 324] };
  const trial = /** @type {Trial} */ (/** @type {unknown} */ ({ before: side, after: { ...side, tokens: [20, 5] } }));
  const follows = (/** @type {object} */ wish) => consequence(value, settle(value, first, wish), trial);
  assert.equal(follows({})[0], "follows.still");
  assert.equal(follows({ by: 6 })[0], "follows.part");
  const [name, told] = follows({ by: 8 });
  assert.equal(name, "follows.whole");
  assert.deepEqual([told.by, told.places, told.stage, told.step], [8, 1, 2, 8]);
  const [, size] = follows({ change: "size" });
  assert.deepEqual([size.tokens, size.now], [1620, 25]);
  assert.equal(follows({ kind: "break" })[0], "follows.nothing");
});

test("the scale reaches to a round share above every change", () => {
  assert.equal(topOf([]), 0.1);
  assert.equal(topOf([0.1]), 0.1);
  assert.equal(topOf([0.12, 0.46]), 0.5);
  assert.equal(topOf([1.19]), 2);
});
