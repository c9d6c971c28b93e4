/* The arithmetic of a CvT, number by number, as anybody could do it by hand. Sums are kept in double precision. */

/** @import { CloseUpStage, Convolution, NumberMap } from "../types.js" */

/**
 * What a window of a map holds: [kernel · kernel], row by row; 0 in the border.
 * @param {NumberMap} map
 * @param {Convolution} convolution
 * @param {number} row of the output
 * @param {number} column
 * @param {number} channel
 */
export function windowValues(map, { kernel, stride, padding }, row, column, channel) {
  const values = new Float64Array(kernel * kernel);
  for (let i = 0; i < values.length; i++) {
    const y = row * stride - padding + Math.floor(i / kernel);
    const x = column * stride - padding + (i % kernel);
    if (isInside(map, y, x)) values[i] = map.values[(channel * map.rows + y) * map.columns + x];
  }
  return values;
}

/**
 * @param {{ rows: number, columns: number }} map
 * @param {number} y
 * @param {number} x
 */
export function isInside({ rows, columns }, y, x) {
  return y >= 0 && y < rows && x >= 0 && x < columns;
}

/**
 * How many cells of a window lie in the border.
 * @param {{ rows: number, columns: number }} map
 * @param {Convolution} convolution
 * @param {number} row
 * @param {number} column
 */
export function borderCells(map, { kernel, stride, padding }, row, column) {
  const inside = (/** @type {number} */ at, /** @type {number} */ size) =>
    Math.min(at * stride - padding + kernel, size) - Math.max(at * stride - padding, 0);
  return kernel * kernel - inside(row, map.rows) * inside(column, map.columns);
}

/**
 * @param {ArrayLike<number>} values
 */
export function sum(values) {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total;
}

/**
 * Number by number.
 * @param {ArrayLike<number>} a
 * @param {ArrayLike<number>} b
 * @param {number} [from] of the second
 */
export function products(a, b, from = 0) {
  return Float64Array.from(a, (value, i) => value * b[from + i]);
}

/**
 * @param {ArrayLike<number>} a
 * @param {ArrayLike<number>} b
 * @param {number} [from] of the second
 */
export function dot(a, b, from = 0) {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i] * b[from + i];
  return total;
}

/**
 * The length of a vector.
 * @param {ArrayLike<number>} values
 */
export function norm(values) {
  return Math.sqrt(dot(values, values));
}

/**
 * Every output of a convolution at one place, [outputs].
 * @param {NumberMap} map
 * @param {Convolution} convolution
 * @param {ArrayLike<number>} weight [outputs, channels, kernel, kernel]
 * @param {ArrayLike<number>} bias [outputs]
 * @param {number} row
 * @param {number} column
 */
export function convolve(map, convolution, weight, bias, row, column) {
  const size = convolution.kernel ** 2;
  const seen = new Float64Array(map.channels * size);
  for (let c = 0; c < map.channels; c++) seen.set(windowValues(map, convolution, row, column, c), c * size);
  return Float64Array.from(bias, (start, output) => start + dot(seen, weight, output * seen.length));
}

/**
 * Layer normalisation of one token: mean, deviation, and (value − mean) / deviation · weight + bias.
 * @param {ArrayLike<number>} values
 * @param {ArrayLike<number>} weight
 * @param {ArrayLike<number>} bias
 * @param {number} eps
 */
export function layerNorm(values, weight, bias, eps) {
  const mean = sum(values) / values.length;
  let spread = 0;
  for (let i = 0; i < values.length; i++) spread += (values[i] - mean) ** 2;
  const deviation = Math.sqrt(spread / values.length + eps);
  const result = Float64Array.from(values, (value, i) => ((value - mean) / deviation) * weight[i] + bias[i]);
  return { mean, deviation, result };
}

/**
 * Batch normalisation in evaluation as one factor and one summand, the way it is folded into a convolution.
 * @param {{ weight: number, bias: number, mean: number, variance: number }} norm of one channel
 * @param {number} eps
 */
export function folded({ weight, bias, mean, variance }, eps) {
  const factor = weight / Math.sqrt(variance + eps);
  return { factor, summand: bias - mean * factor };
}

/**
 * @param {ArrayLike<number>} input
 * @param {ArrayLike<number>} weight [outputs, inputs]
 * @param {ArrayLike<number> | undefined} bias [outputs]
 * @param {number} [first] first output wanted
 * @param {number} [count] how many
 */
export function linear(input, weight, bias, first = 0, count = weight.length / input.length - first) {
  return Float64Array.from({ length: count }, (_, i) => {
    return dot(input, weight, (first + i) * input.length) + (bias?.[first + i] ?? 0);
  });
}

/**
 * Average pooling at one place as PyTorch does it with ceil_mode: the border counts, what lies beyond it does not.
 * @param {NumberMap} map
 * @param {Convolution} pooling
 * @param {number} row
 * @param {number} column
 * @param {number} channel
 */
export function averageAt(map, pooling, row, column, channel) {
  return sum(windowValues(map, pooling, row, column, channel)) / poolCells(map, pooling, row, column);
}

/**
 * By how many cells a pooling divides.
 * @param {{ rows: number, columns: number }} map
 * @param {Convolution} pooling
 * @param {number} row
 * @param {number} column
 */
export function poolCells(map, { kernel, stride, padding }, row, column) {
  const length = (/** @type {number} */ at, /** @type {number} */ size) => {
    const start = at * stride - padding;
    return Math.min(start + kernel, size + padding) - start;
  };
  return length(row, map.rows) * length(column, map.columns);
}

/**
 * Softmax, step by step: the largest, the exponentials of what is left without it, their sum, and the shares.
 * @param {ArrayLike<number>} scores
 */
export function softmax(scores) {
  let largest = -Infinity;
  for (let i = 0; i < scores.length; i++) largest = Math.max(largest, scores[i]);
  const exponentials = Float64Array.from(scores, (score) => Math.exp(score - largest));
  const total = sum(exponentials);
  return { largest, exponentials, total, shares: exponentials.map((power) => power / total) };
}

/**
 * The error function, by its series; beyond 4 it is 1 but for 2e-8.
 * @param {number} x
 */
export function erf(x) {
  if (Math.abs(x) > 4) return Math.sign(x);
  let term = x;
  let total = x;
  for (let n = 1; Math.abs(term) > 1e-12; n++) {
    term *= (-x * x) / n;
    total += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * total;
}

/** The activations that a CvT may have. */
export const ACTIVATIONS = {
  gelu: (/** @type {number} */ x) => (x / 2) * (1 + erf(x / Math.SQRT2)),
  quick_gelu: (/** @type {number} */ x) => x / (1 + Math.exp(-1.702 * x)),
};

/**
 * Indices of the largest magnitudes, largest first.
 * @param {ArrayLike<number>} values
 * @param {number} [count]
 */
export function strongest(values, count = values.length) {
  const order = Array.from({ length: values.length }, (_, i) => i);
  return order.sort((a, b) => Math.abs(values[b]) - Math.abs(values[a])).slice(0, count);
}

/**
 * How many cells two windows of neighbouring outputs have in common, when one lies `rows` and `columns` further.
 * @param {Convolution} convolution
 * @param {number} rows
 * @param {number} columns
 */
export function sharedCells({ kernel, stride }, rows, columns) {
  const common = (/** @type {number} */ steps) => Math.max(0, kernel - Math.abs(steps) * stride);
  return common(rows) * common(columns);
}

/**
 * What one block's attention costs, with its keys as they are and with a key for every token: multiply–adds of the
 * products with the linear of keys and values (`linear`), of queries with keys and shares with values (`attention`),
 * and how many shares there are (`shares`).
 * @param {CloseUpStage} stage
 */
export function costs({ tokens, keys, channels, heads, has_cls }) {
  const cls = has_cls ? 1 : 0;
  const queries = tokens.rows * tokens.columns + cls;
  const cost = (/** @type {number} */ count) => ({
    keys: count,
    linear: 2 * count * channels ** 2,
    attention: 2 * queries * count * channels,
    shares: heads * queries * count,
  });
  return { queries, squeezed: cost(keys.rows * keys.columns + cls), full: cost(queries) };
}
