/* Words and numbers as people read them. */

/** @import { Words } from "../types.js" */

/** @typedef {Record<string, string>} Texts by name */
/** @typedef {Pick<Words, "language" | "languages" | "glossary"> & { classes: Texts, parts: Record<string, Texts> }} WordStore */

/**
 * A sentence with its {names} filled in.
 * @param {string} sentence
 * @param {Record<string, unknown>} values
 */
export function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/**
 * The texts of one part as a function of a text's name and what its blanks hold.
 * @param {WordStore} store
 * @param {string} part
 * @returns {Words}
 */
export function wordsOf({ language, languages, glossary, classes, parts }, part) {
  const texts = parts[part] ?? {};
  const words = (/** @type {string} */ name, values = {}) => fill(texts[name] ?? name, values);
  const className = (/** @type {string} */ label) => classes[label] ?? label;
  return Object.assign(words, { language, languages, glossary, className, names: Object.keys(texts) });
}

/**
 * A share in percent, without the sign, with as many digits as mean something.
 * @param {number} share
 */
export function inPercent(share) {
  const value = 100 * share;
  return value >= 10 || value === 0 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toPrecision(2);
}

/**
 * A number with about three digits, and a true minus.
 * @param {number} value
 */
export function digits(value) {
  const size = Math.abs(value);
  const small = size > 0 && size < 0.001;
  return (size >= 1000 || small ? value.toExponential(1) : value.toPrecision(3)).replaceAll("-", "−");
}
