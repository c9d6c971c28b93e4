/* Attention out of queries and keys, against the definition written out. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { attentionReceived, attentionRow, entropy, headOf, keysForHalf } from "../../web/shared/attention.js";
import { close } from "./numbers.js";

const [HEADS, QUERIES, KEYS, SIZE] = [2, 5, 4, 3];

/** @returns {import("../../web/types.js").Block} */
function block({ scale = 0.7, spread = 1 } = {}) {
  const numbers = (/** @type {number} */ count, /** @type {number} */ seed) =>
    Float32Array.from({ length: count }, (_, i) => spread * Math.sin((i + 1) * seed));
  const shape = { heads: HEADS, queries: QUERIES, keys: KEYS, size: SIZE, scale, cls: 0 };
  return { ...shape, query: numbers(HEADS * QUERIES * SIZE, 12.9), key: numbers(HEADS * KEYS * SIZE, 78.2) };
}

/**
 * softmax(q · Kᵀ · scale), straight from the definition.
 * @param {import("../../web/types.js").Block} block
 * @param {number} head
 * @param {number} query
 */
function softmax({ query: queries, key, scale }, head, query) {
  const q = queries.subarray((head * QUERIES + query) * SIZE).slice(0, SIZE);
  const logits = Array.from({ length: KEYS }, (_, k) =>
    q.reduce((sum, value, d) => sum + value * key[(head * KEYS + k) * SIZE + d] * scale, 0),
  );
  const powers = logits.map((logit) => Math.exp(logit - Math.max(...logits)));
  return powers.map((power) => power / powers.reduce((sum, other) => sum + other));
}

const mean = (/** @type {number[][]} */ rows) =>
  rows[0].map((_, k) => rows.reduce((sum, row) => sum + row[k] / rows.length, 0));

test("a row is the softmax of its query, and the mean of heads is the mean of their rows", () => {
  const numbers = block();
  for (let query = 0; query < QUERIES; query++) {
    const rows = [0, 1].map((head) => softmax(numbers, head, query));
    rows.forEach((row, head) => close(attentionRow(numbers, head, query), row, 1e-6));
    close(attentionRow(numbers, "mean", query), mean(rows), 1e-6);
  }
});

test("attention received is the mean of all rows, head by head", () => {
  const numbers = block();
  const received = attentionReceived(numbers);
  const heads = [0, 1].map((head) =>
    mean(Array.from({ length: QUERIES }, (_, query) => softmax(numbers, head, query))),
  );
  close(received, heads.flat(), 1e-6);
  close(headOf(received, HEADS, 1), heads[1], 1e-6);
  close(headOf(received, HEADS, "mean"), mean(heads), 1e-6);
});

test("large logits do not overflow", () => {
  const row = attentionRow(block({ scale: 500, spread: 3 }), 0, 0);
  close([row.reduce((sum, share) => sum + share)], [1], 1e-5);
  assert.ok(row.every(Number.isFinite));
});

test("entropy is in bits", () => {
  assert.equal(entropy([0.25, 0.25, 0.25, 0.25]), 2);
  assert.equal(entropy([1, 0, 0]), 0);
  assert.equal(entropy([0.5, 0.25, 0.25]), 1.5);
});

test("half is counted from the largest, and of what there is", () => {
  assert.equal(keysForHalf([0.1, 0.5, 0.2, 0.2]), 1);
  assert.equal(keysForHalf([0.25, 0.25, 0.25, 0.25]), 2);
  assert.equal(keysForHalf([0.1, 0.1, 0.1, 0.1, 0.1]), 3);
  assert.equal(keysForHalf([0.02, 0.02, 0.06]), 1);
});
