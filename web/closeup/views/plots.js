/* Small pictures of numbers: bars to choose from, and products in the order of their size. */

import { paletteFor } from "../../shared/colour.js";
import { make, makeSvg } from "../../shared/dom.js";
import { products, strongest, sum } from "./arithmetic.js";
import { shown } from "./cells.js";

/** @import { Scene } from "../types.js" */

const HEIGHT = 56;
const LISTED = 16; // products that are listed one by one

/**
 * A bar for each number, up or down from zero; pressing one chooses it.
 * @param {Scene} scene
 * @param {ArrayLike<number>} values
 * @param {number} chosen
 * @param {string} caption
 * @param {(index: number) => void} choose
 */
export function bars(scene, values, chosen, caption, choose) {
  const numbers = Array.from(values);
  const reach = Math.max(...numbers.map(Math.abs)) || 1;
  const zero = HEIGHT / 2;
  const band = Math.max(1, numbers.length / 80); // wide enough to be found among hundreds
  const svg = makeSvg(
    "svg",
    {
      class: "bars",
      viewBox: `0 0 ${numbers.length} ${HEIGHT}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": caption,
    },
    makeSvg("rect", { class: "band", x: chosen + 0.5 - band / 2, y: 0, width: band, height: HEIGHT }),
    makeSvg("line", { x1: 0, x2: numbers.length, y1: zero, y2: zero }),
    ...numbers.map((value, i) => {
      const height = Math.max((Math.abs(value) / reach) * zero, 0.5);
      const box = { x: i + 0.1, width: 0.8, y: value < 0 ? zero : zero - height, height };
      return makeSvg("rect", {
        ...box,
        class: i === chosen ? "chosen" : "bar",
        "data-bar": i + 1,
        "data-value": value,
      });
    }),
  );
  svg.addEventListener("click", (event) => {
    const box = svg.getBoundingClientRect();
    const index = Math.floor(((event.clientX - box.left) / box.width) * numbers.length);
    choose(Math.min(Math.max(index, 0), numbers.length - 1));
  });
  return make("figure", { class: "plot" }, svg, make("figcaption", {}, caption));
}

/**
 * What is summed, one summand a line.
 * @typedef {object} Summand
 * @property {string} name
 * @property {string} factors what it is the product of
 * @property {number} value
 * @property {number} [cell] of the grids that it belongs to
 */

/** @param {Summand[]} summands */
function largest(summands) {
  return Math.max(...summands.map(({ value }) => Math.abs(value))) || 1;
}

/**
 * Summands with a bar each, and what all others come to.
 * @param {Scene} scene
 * @param {string} label
 * @param {Summand[]} summands
 * @param {{ name: string, value: number } | null} [others]
 * @param {number} [reach] the magnitude that fills half the width
 */
export function summandList({ theme }, label, summands, others = null, reach = largest(summands)) {
  const [minus, plus] = signColours(theme);
  const lines = summands.map(({ name, factors, value, cell }) => {
    const place = value < 0 ? `right:50%;background:${minus}` : `left:50%;background:${plus}`;
    const style = `width:${(50 * Math.abs(value)) / reach}%;${place}`;
    return make(
      "li",
      { "data-value": value, ...(cell === undefined ? {} : { "data-cell": cell }) },
      make("span", { class: "name" }, name),
      make("span", { class: "factors" }, factors),
      make("span", { class: "track", "aria-hidden": "true" }, make("i", { style })),
      make("b", {}, shown(value)),
    );
  });
  if (others) {
    const value = make("b", { "data-name": "others", "data-value": others.value }, shown(others.value));
    lines.push(make("li", { class: "others" }, make("span", { class: "name" }, others.name), value));
  }
  return make("ol", { class: "summands", "aria-label": label }, ...lines);
}

/**
 * The largest products, one a line, and what all others come to.
 * @param {Scene} scene
 * @param {ArrayLike<number>} a
 * @param {ArrayLike<number>} b
 * @param {(index: number) => string} nameOf
 * @param {{ order?: number[], cells?: boolean, reach?: number }} [options] `order`: those that are listed; `cells`:
 *   whether each belongs to the cell of its number; `reach`: the magnitude that fills half the width
 */
export function largestProducts(scene, a, b, nameOf, options = {}) {
  const all = products(a, b);
  const { order = strongest(all, LISTED), cells = false, reach } = options;
  const summands = order.map((index) => ({
    name: nameOf(index),
    factors: `${shown(a[index])} × ${shown(b[index])}`,
    value: all[index],
    cell: cells ? index : undefined,
  }));
  const left = all.length - order.length;
  const rest = sum(all) - sum(summands.map(({ value }) => value));
  const others = left ? { name: scene.text("other products", { count: left }), value: rest } : null;
  return summandList(scene, scene.text("by size"), summands, others, reach);
}

/**
 * The colours of what is below zero and what is above, from the palette of signed values.
 * @param {Scene["theme"]} theme
 */
export function signColours(theme) {
  const palette = paletteFor(theme, "diverging");
  return [palette[24], palette[231]].map((word) => `rgb(${word & 255} ${(word >> 8) & 255} ${(word >> 16) & 255})`);
}
