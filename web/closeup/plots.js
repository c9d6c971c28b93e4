/* Small pictures of numbers: bars to choose from, and products in the order of their size. */

import { paletteFor } from "../shared/colour.js";
import { make, makeSvg } from "../shared/dom.js";
import { strongest, sum } from "./arithmetic.js";
import { shown } from "./cells.js";

/** @import { Scene } from "./types.js" */

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
 * The largest products, one a line, and what all others come to.
 * @param {Scene} scene
 * @param {Float64Array[]} inputs by channel
 * @param {Float64Array[]} weights by channel
 * @param {(cell: number) => string} nameOf
 * @param {number} size cells of a window
 */
export function sortedProducts({ text, theme }, inputs, weights, nameOf, size) {
  const all = Float64Array.from({ length: inputs.length * size }, (_, cell) => {
    const [channel, inside] = [Math.floor(cell / size), cell % size];
    return inputs[channel][inside] * weights[channel][inside];
  });
  const order = strongest(all, LISTED);
  const reach = Math.abs(all[order[0]]) || 1;
  const [minus, plus] = signColours(theme);
  const lines = order.map((cell) => {
    const [channel, inside] = [Math.floor(cell / size), cell % size];
    const width = (50 * Math.abs(all[cell])) / reach;
    const place = all[cell] < 0 ? `right:50%;background:${minus}` : `left:50%;background:${plus}`;
    return make(
      "li",
      { "data-cell": cell, "data-value": all[cell] },
      make("span", { class: "name" }, nameOf(cell)),
      make("span", { class: "factors" }, `${shown(inputs[channel][inside])} × ${shown(weights[channel][inside])}`),
      make("span", { class: "track", "aria-hidden": "true" }, make("i", { style: `width:${width}%;${place}` })),
      make("b", {}, shown(all[cell])),
    );
  });
  const rest = sum(all) - order.reduce((total, cell) => total + all[cell], 0);
  const others = make(
    "li",
    { class: "others" },
    make("span", { class: "name" }, text("other products", { count: all.length - order.length })),
    make("b", { "data-name": "other products", "data-value": rest }, shown(rest)),
  );
  return make(
    "ol",
    { class: "sorted", "aria-label": text("by size") },
    ...lines,
    ...(all.length > LISTED ? [others] : []),
  );
}

/**
 * The colours of what is below zero and what is above, from the palette of signed values.
 * @param {Scene["theme"]} theme
 */
export function signColours(theme) {
  const palette = paletteFor(theme, "diverging");
  return [palette[24], palette[231]].map((word) => `rgb(${word & 255} ${(word >> 8) & 255} ${(word >> 16) & 255})`);
}
