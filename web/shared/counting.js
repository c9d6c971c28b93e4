/* People count from 1, programs from 0: what is said where an address or an attribute meets the explorer. */

/** How addresses count, as their `v`. In one without it blocks, heads, channels and tokens count from 0. */
export const VERSION = 2;

/** What is counted; stages come from 1 in programs too, and classes have the model's own numbers. */
const COUNTED = /** @type {const} */ (["block", "head", "channel", "query", "compare"]);

/**
 * An index or a token as people count; "mean", "cls" and their like stay.
 * @template T
 * @param {T} value
 */
export function fromOne(value) {
  if (Array.isArray(value)) return value.map((part) => part + 1).join(",");
  return typeof value === "number" ? value + 1 : value;
}

/**
 * What somebody typed, as programs count. Negative numbers count from the end either way; there is no 0.
 * @param {string} text
 */
function fromZero(text) {
  const counted = (/** @type {string} */ part) => {
    const number = Number(part);
    if (!part.trim() || Number.isNaN(number) || number < 0) return part;
    return number === 0 ? "" : String(number - 1);
  };
  return text.split(",").map(counted).join(",");
}

/**
 * The parameters of an address, as programs count.
 * @param {string} search
 * @returns {Record<string, string>}
 */
export function readAddress(search) {
  const said = Object.fromEntries(new URLSearchParams(search));
  if (!(Number(said.v) >= VERSION)) return said;
  for (const name of COUNTED) {
    if (said[name] !== undefined) said[name] = fromZero(said[name]);
  }
  return said;
}

/**
 * What the explorer shows, as the parameters of an address.
 * @param {Record<string, unknown>} shown
 * @returns {Record<string, unknown>}
 */
export function toAddress(shown) {
  const counted = COUNTED.filter((name) => name in shown).map((name) => [name, fromOne(shown[name])]);
  return { v: VERSION, ...shown, ...Object.fromEntries(counted) };
}
