/* Numbers to colours. Palettes and the rule for scales are Python's (visualize/palette.py), and come with the theme. */

/** @import { ColourRule, Kind, Scale, Theme } from "../types.js" */

/** @type {Map<string, Uint32Array>} */
const decoded = new Map();

/**
 * A palette of 256 colours, given as base64 of RGB bytes, as little-endian RGBA words.
 * @param {string} text
 */
export function decodePalette(text) {
  const known = decoded.get(text);
  if (known) return known;
  const bytes = atob(text);
  const words = Uint32Array.from({ length: 256 }, (_, i) => {
    const [red, green, blue] = [0, 1, 2].map((channel) => bytes.charCodeAt(3 * i + channel));
    return (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
  });
  decoded.set(text, words);
  return words;
}

/**
 * The colours that maps of a kind are drawn in.
 * @param {Theme} theme
 * @param {Kind} kind
 */
export function paletteFor(theme, kind) {
  return decodePalette(theme.palettes[theme.colours[kind].palette]);
}

/**
 * Where a value lies on a scale: a palette's index, 0 to 255.
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export function paletteIndex(value, low, high) {
  return Math.min(255, Math.max(0, Math.round(((value - low) / (high - low)) * 255)));
}

/**
 * Colours of a map, with its outermost cells repeated once all round, as RGBA words [rows + 2, columns + 2].
 * @param {ArrayLike<number>} values
 * @param {number} rows
 * @param {number} columns
 * @param {Uint32Array} palette
 * @param {number} low
 * @param {number} high
 * @param {Uint32Array} [words] where the result goes
 */
export function paint(values, rows, columns, palette, low, high, words = new Uint32Array((rows + 2) * (columns + 2))) {
  for (let r = -1, at = 0; r <= rows; r++) {
    const from = Math.min(Math.max(r, 0), rows - 1) * columns;
    for (let c = -1; c <= columns; c++, at++) {
      words[at] = palette[paletteIndex(values[from + Math.min(Math.max(c, 0), columns - 1)], low, high)];
    }
  }
  return words;
}

/**
 * The smallest and the largest value.
 * @param {Iterable<number>} values
 * @returns {[number, number]}
 */
export function extremes(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const v of values) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  return [low, high];
}

/**
 * The magnitudes of values from the smallest on; of some that lie evenly among them where there are too many.
 * @param {ArrayLike<number>} values
 * @param {number} [most]
 */
export function magnitudes(values, most = Infinity) {
  const every = Math.max(1, Math.floor(values.length / most));
  return Float32Array.from({ length: Math.ceil(values.length / every) }, (_, i) => Math.abs(values[i * every])).sort();
}

/**
 * A magnitude that a share of all do not exceed, or the largest if that is 0.
 * @param {Float32Array} rising magnitudes from the smallest on
 * @param {number} [share]
 */
export function usualReach(rising, share = 1) {
  return rising[Math.ceil(share * rising.length) - 1] || rising[rising.length - 1];
}

/**
 * The scale of some maps that are looked at together, by the rule for their kind, where `reach` stands in for their
 * own; between their extremes where it is stretched, but for a symmetric scale, whose middle stays 0.
 * @param {ColourRule} rule
 * @param {(ArrayLike<number> & Iterable<number>)[]} maps
 * @param {{ stretched?: boolean, baseline?: number | null, reach?: number | null }} [options]
 * @returns {Scale}
 */
export function limits(rule, maps, { stretched = false, baseline = null, reach = null } = {}) {
  const [smallest, largest] = maps.map(extremes).reduce(([a, b], [c, d]) => [Math.min(a, c), Math.max(b, d)]);
  if (rule.holds && !stretched) reach ??= Math.max(...maps.map((map) => usualReach(magnitudes(map), rule.holds)));
  const [low, high] = ends(rule, smallest, largest, { stretched, baseline, reach });
  const slack = 1e-6 * (high - low);
  return { low, high, below: smallest < low - slack, above: largest > high + slack };
}

/**
 * @param {ColourRule} rule
 * @param {number} smallest
 * @param {number} largest
 * @param {{ stretched: boolean, baseline: number | null, reach: number | null }} options
 * @returns {[number, number]}
 */
function ends(rule, smallest, largest, { stretched, baseline, reach }) {
  if (rule.low === "symmetric") {
    const own = Math.max(Math.abs(smallest), Math.abs(largest));
    const far = (stretched ? own : (reach ?? own)) || 1;
    return [-far, far];
  }
  const uniform = rule.uniform && baseline ? rule.uniform * baseline : null;
  const low = stretched ? smallest : Math.min(0, smallest);
  const high = stretched ? largest : (reach ?? uniform ?? Math.max(0, largest));
  return [low, high > low ? high : low + 1];
}
