/* What several tests need. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

/** What the Python libraries give for the same questions; tests/ui/test_browser_numbers.py keeps it true. */
export const library = JSON.parse(readFileSync(new URL("library.json", import.meta.url), "utf8"));

/**
 * @param {ArrayLike<number>} actual
 * @param {ArrayLike<number>} expected
 * @param {number} [by]
 */
export function close(actual, expected, by = 1e-9) {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < actual.length; i++) {
    assert.ok(Math.abs(actual[i] - expected[i]) <= by, `${i}: ${actual[i]} is not ${expected[i]}`);
  }
}
