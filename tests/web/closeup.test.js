/* The arithmetic of the close-ups, against cases worked by hand. */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as arithmetic from "../../web/closeup/views/arithmetic.js";
import { counted, shown } from "../../web/closeup/views/cells.js";
import { firstPlace, settle, told, tokenNumber } from "../../web/closeup/place.js";

const MAP = { channels: 2, rows: 2, columns: 3, values: [1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60] };
const CONVOLUTION = { kernel: 3, stride: 2, padding: 1 };

const near = (/** @type {ArrayLike<number>} */ a, /** @type {number[]} */ b, slack = 1e-9) => {
  assert.equal(a.length, b.length);
  for (const [i, value] of b.entries()) assert.ok(Math.abs(a[i] - value) < slack, `${a[i]} for ${value}`);
};

test("a window reads zeros outside the map", () => {
  assert.deepEqual([...arithmetic.windowValues(MAP, CONVOLUTION, 0, 0, 0)], [0, 0, 0, 0, 1, 2, 0, 4, 5]);
  assert.deepEqual([...arithmetic.windowValues(MAP, CONVOLUTION, 0, 1, 1)], [0, 0, 0, 20, 30, 0, 50, 60, 0]);
  assert.equal(arithmetic.borderCells(MAP, CONVOLUTION, 0, 0), 5);
  assert.equal(arithmetic.borderCells({ rows: 36, columns: 36 }, { kernel: 7, stride: 4, padding: 2 }, 3, 3), 0);
});

test("a convolution sums all channels, and its bias", () => {
  const weight = Array.from({ length: 36 }, (_, i) => (i < 18 ? 1 : i < 27 ? 0 : 0.1));
  near(arithmetic.convolve(MAP, CONVOLUTION, weight, [0.5, -1], 0, 0), [12 + 120 + 0.5, 12 - 1]);
});

test("windows share what their kernels overlap", () => {
  const first = { kernel: 7, stride: 4, padding: 2 };
  assert.equal(arithmetic.sharedCells(first, 0, 1), 21);
  assert.equal(arithmetic.sharedCells(first, 1, 1), 9);
  assert.equal(arithmetic.sharedCells(first, 0, 2), 0);
});

test("layer normalisation", () => {
  const { mean, deviation, result } = arithmetic.layerNorm([1, 3], [2, 2], [0, 10], 0);
  assert.deepEqual([mean, deviation], [2, 1]);
  near(result, [-2, 12]);
});

test("a folded batch norm does what the norm does", () => {
  const norm = { weight: 3, bias: 1, mean: 5, variance: 4 };
  const { factor, summand } = arithmetic.folded(norm, 0);
  assert.equal(7 * factor + summand, ((7 - 5) / 2) * 3 + 1);
});

test("a linear, whole and in part", () => {
  const weight = [1, 2, 3, 4, 5, 6];
  near(arithmetic.linear([1, 10], weight, [1, 1, 1]), [22, 44, 66]);
  near(arithmetic.linear([1, 10], weight, undefined, 1, 1), [43]);
});

test("pooling divides by what lies in the map and its border, and by nothing beyond", () => {
  const row = { channels: 1, rows: 1, columns: 4, values: [1, 2, 3, 4] };
  const pooling = { kernel: 3, stride: 2, padding: 1 };
  assert.equal(arithmetic.poolCells(row, pooling, 0, 0), 9);
  assert.equal(arithmetic.averageAt(row, pooling, 0, 0, 0), 3 / 9);
  assert.equal(arithmetic.poolCells(row, pooling, 0, 2), 6); // the window would reach a column beyond the border
  assert.equal(arithmetic.averageAt(row, pooling, 0, 2, 0), 4 / 6);
});

test("softmax, step by step", () => {
  const { largest, exponentials, total, shares } = arithmetic.softmax([0, Math.log(3), 1000 - 1000]);
  assert.equal(largest, Math.log(3));
  near(exponentials, [1 / 3, 1, 1 / 3]);
  near([total], [5 / 3]);
  near(shares, [0.2, 0.6, 0.2]);
  near(arithmetic.softmax([1e4, 1e4]).shares, [0.5, 0.5]);
});

test("the activations", () => {
  near([0.5, -1, 3.9, -7].map(arithmetic.erf), [0.5204998778, -0.8427007929, 0.9999999652, -1], 1e-9);
  near([0, 1, -2].map(arithmetic.ACTIVATIONS.gelu), [0, 0.8413447461, -0.0455002639], 1e-9);
  near([0, 1].map(arithmetic.ACTIVATIONS.quick_gelu), [0, 1 / (1 + Math.exp(-1.702))]);
});

test("the strongest come first, whatever their sign", () => {
  assert.deepEqual(arithmetic.strongest([1, -3, 2]), [1, 2, 0]);
  assert.deepEqual(arithmetic.strongest([1, -3, 2], 1), [1]);
});

test("numbers are written with a true minus, and without one before zero", () => {
  assert.deepEqual([shown(-1.7419), shown(-0.0001, 2), shown(0, 1)], ["−1.742", "0.00", "0.0"]);
  assert.equal(counted(1234567), "1\u202f234\u202f567");
});

const grid = (/** @type {number} */ side) => ({
  rows: side,
  columns: side,
  stride: 64 / side,
  offset: 0,
  receptive_field: 1,
});
const stage = (/** @type {number} */ side, has_cls = false) => ({
  ...{ input: grid(2 * side), inputs: 3, tokens: grid(side), keys: grid(side / 2), channels: 12, heads: 3, blocks: 2 },
  ...{ hidden: 48, has_cls, embedding: CONVOLUTION, method: /** @type {"dw_bn"} */ ("dw_bn") },
  ...{ query: { ...CONVOLUTION, stride: 1 }, key: CONVOLUTION },
});
const VALUE = {
  ...{ key: "a", made: 0, height: 64, width: 64, factor: 1, mean: [], deviation: [], norm_eps: 0, batch_eps: 0 },
  ...{ activation: /** @type {"gelu"} */ ("gelu"), temperature: 1, class_count: 5, pieces: [] },
  classes: [3, 1].map((index) => ({ index, label: `${index}`, probability: 0.5 })),
  stages: [stage(16), stage(8), stage(4, true)],
};

test("wishes count from 1, and what does not exist stays as it was", () => {
  const first = firstPlace(VALUE);
  assert.deepEqual(told(first), { kind: "embedding", stage: 1, query: "9,9", channel: 1 });
  const there = settle(VALUE, first, { stage: "2", query: "3,4", channel: 12 });
  assert.deepEqual(told(there), { kind: "embedding", stage: 2, query: "3,4", channel: 12 });
  assert.deepEqual(settle(VALUE, there, { stage: 9, query: "9,1", channel: 0, kind: "nothing" }), there);
  assert.deepEqual(settle(VALUE, there, { stage: null, query: "cls", channel: "" }), there);
});

test("a token stays in its place from stage to stage", () => {
  const there = settle(VALUE, firstPlace(VALUE), { query: [16, 1] });
  assert.deepEqual(settle(VALUE, there, { stage: 3 }).query, [3, 0]);
});

test("tokens are numbered with CLS first", () => {
  assert.equal(tokenNumber(VALUE.stages[2], "cls"), 0);
  assert.equal(tokenNumber(VALUE.stages[2], [1, 2]), 7);
  assert.equal(tokenNumber(VALUE.stages[0], [1, 2]), 18);
});
