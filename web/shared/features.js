/* Feature maps: lengths, likeness, and what stands out. */

/** @import { FeatureMap } from "../types.js" */

/**
 * The length of every token's vector.
 * @param {FeatureMap} features
 */
export function featureNorm({ channels, tokens, values }) {
  const norm = new Float32Array(tokens);
  for (let c = 0, i = 0; c < channels; c++) for (let t = 0; t < tokens; t++, i++) norm[t] += values[i] * values[i];
  return norm.map(Math.sqrt);
}

/**
 * Token vectors of length 1, [tokens, channels]; a token without any feature stays zero.
 * @param {FeatureMap} features
 */
export function directions(features) {
  const { channels, tokens, values } = features;
  const norm = featureNorm(features);
  const unit = new Float32Array(tokens * channels);
  for (let c = 0, i = 0; c < channels; c++) {
    for (let t = 0; t < tokens; t++, i++) unit[t * channels + c] = norm[t] > 0 ? values[i] / norm[t] : 0;
  }
  return unit;
}

/**
 * Cosine of one token with every token.
 * @param {Float32Array} unit vectors of length 1, [tokens, channels]
 * @param {number} channels
 * @param {number} token
 */
export function similarity(unit, channels, token) {
  const tokens = unit.length / channels;
  const cosines = new Float32Array(tokens);
  const from = token * channels;
  for (let t = 0, at = 0; t < tokens; t++) {
    let sum = 0;
    for (let c = 0; c < channels; c++, at++) sum += unit[at] * unit[from + c];
    cosines[t] = Math.max(-1, Math.min(1, sum));
  }
  return cosines;
}

/**
 * The channels in which a token stands out most: its largest standard scores over the map, best first.
 * @param {FeatureMap & { spread: ReturnType<typeof channelSpread> }} features
 * @param {number} token
 * @param {number} count
 */
export function strongestChannels({ channels, tokens, values, spread }, token, count) {
  const score = (/** @type {number} */ c) => (values[c * tokens + token] - spread.mean[c]) / spread.deviation[c];
  const scores = Array.from({ length: channels }, (_, c) => [score(c), c]);
  return scores
    .sort((a, b) => b[0] - a[0])
    .slice(0, count)
    .map(([, channel]) => channel);
}

/**
 * Mean and standard deviation of every channel over the map.
 * @param {FeatureMap} features
 */
export function channelSpread({ channels, tokens, values }) {
  const [mean, deviation] = [new Float32Array(channels), new Float32Array(channels)];
  for (let c = 0; c < channels; c++) {
    const map = values.subarray(c * tokens, (c + 1) * tokens);
    mean[c] = map.reduce((sum, v) => sum + v, 0) / tokens;
    deviation[c] = Math.sqrt(map.reduce((sum, v) => sum + (v - mean[c]) ** 2, 0) / tokens) || 1;
  }
  return { mean, deviation };
}
