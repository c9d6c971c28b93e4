/* The words below a saved picture. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { wrapped } from "../../web/explorer/picture.js";

const fits = (/** @type {string} */ line) => line.length <= 10;

test("parts stand on as few lines as fit, and none is cut", () => {
  assert.deepEqual(wrapped(["Stage 2", "", "a", "Block 1 of 2"], " · ", fits), ["Stage 2", "a", "Block 1 of", " 2"]);
  assert.deepEqual(wrapped(["a", "b", "c"], " ", fits), ["a b c"]);
  assert.deepEqual(wrapped([], " ", fits), []);
});
