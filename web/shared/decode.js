/* Numbers out of files. */

import { cells } from "./geometry.js";

/** @import { Block, Stage } from "../types.js" */

/** @type {Float32Array | null} */
let halves = null;

/**
 * The value of one IEEE 754 half-precision number given by its 16 bits.
 * @param {number} bits
 */
export function halfToNumber(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/**
 * Half-precision numbers, as their bits: by the browser itself where it knows them, else from a table.
 * @param {Uint16Array<ArrayBuffer>} bits
 */
export function decodeHalves(bits) {
  const Native = /** @type {any} */ (globalThis).Float16Array;
  if (Native) return new Float32Array(new Native(bits.buffer, bits.byteOffset, bits.length));
  return decodeHalvesByTable(bits);
}

/**
 * The same for browsers of before 2025.
 * @param {Uint16Array} bits
 */
export function decodeHalvesByTable(bits) {
  halves ??= Float32Array.from({ length: 65536 }, (_, i) => halfToNumber(i));
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = halves[bits[i]];
  return values;
}

/**
 * A block from its file: queries, then keys.
 * @param {ArrayBuffer} buffer
 * @param {Pick<Stage, "tokens" | "keys" | "has_cls" | "heads" | "channels" | "scale">} stage
 * @returns {Block}
 */
export function decodeBlock(buffer, stage) {
  const cls = stage.has_cls ? 1 : 0;
  const queries = cells(stage.tokens) + cls;
  const keys = cells(stage.keys) + cls;
  const size = stage.channels / stage.heads;
  const split = stage.heads * queries * size;
  const numbers = new Uint16Array(buffer);
  if (numbers.length !== split + stage.heads * keys * size) throw new Error(`a block of ${buffer.byteLength} bytes`);
  const query = decodeHalves(numbers.subarray(0, split));
  const key = decodeHalves(numbers.subarray(split));
  return { heads: stage.heads, queries, keys, size, cls, scale: stage.scale, query, key };
}

/**
 * Maps of the given sizes from their (inflated) file of levels, one after the other in one array.
 * @param {ArrayBuffer} buffer
 * @param {number[]} sizes
 */
export function decodeLevels(buffer, sizes) {
  const count = sizes.length;
  const [low, step] = [new Float32Array(buffer, 0, count), new Float32Array(buffer, 4 * count, count)];
  const codes = new Uint8Array(buffer, 8 * count);
  const values = new Float32Array(codes.length);
  for (let m = 0, i = 0; m < count; m++) {
    for (const end = i + sizes[m]; i < end; i++) values[i] = low[m] + codes[i] * step[m];
  }
  return values;
}
