/* Numbers out of files. */

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { decodeBlock, decodeHalves, decodeHalvesByTable, decodeLevels, halfToNumber } from "../../web/shared/decode.js";
import { close, library } from "./numbers.js";

const native = /** @type {any} */ (globalThis).Float16Array;

afterEach(() => {
  /** @type {any} */ (globalThis).Float16Array = native;
});

test("half precision is read bit by bit", () => {
  const bits = new Uint16Array(library.halves.bits);
  assert.deepEqual([...decodeHalvesByTable(bits)], library.halves.values);
  assert.deepEqual([0x7c00, 0xfc00, 0x7c01].map(halfToNumber), [Infinity, -Infinity, NaN]);
  assert.ok(Object.is(halfToNumber(0x8000), -0));
});

test("a browser that knows half precision reads it itself, from the right place", () => {
  const seen = /** @type {number[][]} */ ([]);
  /** @type {any} */ (globalThis).Float16Array = class {
    /** @param {ArrayBuffer} buffer @param {number} offset @param {number} length */
    constructor(buffer, offset, length) {
      seen.push([offset, length]);
      return decodeHalvesByTable(new Uint16Array(buffer, offset, length));
    }
  };
  const bits = new Uint16Array([0, 0x3c00, 0xbc00, 0x4000]);
  assert.deepEqual([...decodeHalves(bits.subarray(1, 3))], [1, -1]);
  assert.deepEqual(seen, [[2, 2]]);
});

test("one that does not falls back on the table", () => {
  /** @type {any} */ (globalThis).Float16Array = undefined;
  assert.deepEqual([...decodeHalves(new Uint16Array([0x3c00, 0xc000]))], [1, -2]);
});

test("a block is its queries, then its keys", () => {
  const grid = (/** @type {number} */ rows) => ({ rows, columns: 1, stride: 1, offset: 0, receptive_field: 1 });
  const stage = { tokens: grid(2), keys: grid(1), has_cls: true, heads: 1, channels: 1, scale: 0.5 };
  const halves = new Uint16Array([0x3c00, 0x4000, 0x4200, 0xbc00, 0xc000]); // 1, 2, 3 | −1, −2
  const { query, key, queries, keys, cls, size } = decodeBlock(halves.buffer, stage);
  assert.deepEqual([[...query], [...key]], [[1, 2, 3], [-1, -2]]); // prettier-ignore
  assert.deepEqual([queries, keys, cls, size], [3, 2, 1, 1]);
  assert.throws(() => decodeBlock(halves.buffer.slice(2), stage), /a block of 8 bytes/);
});

test("maps come as levels, each between its own extremes", () => {
  const buffer = new ArrayBuffer(16 + 3);
  new Float32Array(buffer, 0, 4).set([-1, 10, 0.5, 2]); // two lows, two steps
  new Uint8Array(buffer, 16).set([0, 4, 3]);
  close(decodeLevels(buffer, [2, 1]), [-1, 1, 16]);
});
