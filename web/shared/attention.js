/* Attention out of queries and keys, row by row. */

/** @import { Block } from "../types.js" */

/**
 * One row of attention: softmax(query · keyᵀ · scale) over all keys, CLS first.
 * @param {Block} block
 * @param {number | "mean"} head
 * @param {number} query index among all queries, CLS first
 * @param {Float32Array} [row] where the result goes
 */
export function attentionRow(block, head, query, row = new Float32Array(block.keys)) {
  row.fill(0);
  const heads = head === "mean" ? block.heads : 1;
  const first = head === "mean" ? 0 : head;
  const logits = new Float32Array(block.keys);
  for (let h = first; h < first + heads; h++) addRow(block, h, query, 1 / heads, logits, row);
  return row;
}

/**
 * Adds `weight` × the attention of one query in one head onto `row`; `logits` is room to work in.
 * @param {Block} block
 * @param {number} head
 * @param {number} query
 * @param {number} weight
 * @param {Float32Array} logits
 * @param {Float32Array} row
 */
function addRow(block, head, query, weight, logits, row) {
  const { keys, size, key, scale } = block;
  const q = block.query.subarray((head * block.queries + query) * size, (head * block.queries + query + 1) * size);
  let largest = -Infinity;
  for (let k = 0, at = head * keys * size; k < keys; k++, at += size) {
    let sum = 0;
    for (let d = 0; d < size; d++) sum += q[d] * key[at + d];
    logits[k] = sum * scale;
    if (logits[k] > largest) largest = logits[k];
  }
  let total = 0;
  for (let k = 0; k < keys; k++) total += logits[k] = Math.exp(logits[k] - largest);
  const share = weight / total;
  for (let k = 0; k < keys; k++) row[k] += logits[k] * share;
}

/**
 * The attention every key receives, averaged over all queries: [heads, keys]. Each head sums to 1.
 * @param {Block} block
 */
export function attentionReceived(block) {
  const received = new Float32Array(block.heads * block.keys);
  const logits = new Float32Array(block.keys);
  for (let h = 0; h < block.heads; h++) {
    const row = received.subarray(h * block.keys, (h + 1) * block.keys);
    for (let q = 0; q < block.queries; q++) addRow(block, h, q, 1 / block.queries, logits, row);
  }
  return received;
}

/**
 * One head of [heads, keys], or their mean.
 * @param {Float32Array} rows
 * @param {number} heads
 * @param {number | "mean"} head
 */
export function headOf(rows, heads, head) {
  const keys = rows.length / heads;
  if (head !== "mean") return rows.subarray(head * keys, (head + 1) * keys);
  const mean = new Float32Array(keys);
  for (let i = 0; i < rows.length; i++) mean[i % keys] += rows[i] / heads;
  return mean;
}

/**
 * Entropy of a distribution, in bits.
 * @param {ArrayLike<number> & Iterable<number>} row
 */
export function entropy(row) {
  let bits = 0;
  for (const p of row) if (p > 0) bits -= p * Math.log2(p);
  return bits;
}

/**
 * How many of the largest values it takes to hold half of their sum.
 * @param {ArrayLike<number> & Iterable<number>} values
 */
export function keysForHalf(values) {
  const sorted = Float32Array.from(values).sort();
  let total = 0;
  for (const v of sorted) total += v;
  let held = 0;
  for (let count = 1; count <= sorted.length; count++) {
    held += sorted[sorted.length - count];
    if (held >= (total / 2) * (1 - 1e-6)) return count;
  }
  return sorted.length;
}
