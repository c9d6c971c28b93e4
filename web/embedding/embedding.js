/* How tokens are made: the photo's first pixels, the tokens' true centres, and the windows of three neighbours. */

import { makeSvg, useStyle } from "../shared/dom.js";

/** @import { EmbeddingValue, Host, Part } from "../types.js" */

const CELL = 14; // side of a photo's pixel in the picture

/**
 * @param {HTMLElement} element
 * @param {Host<EmbeddingValue>} host
 * @returns {Part}
 */
export function mount(element, host) {
  useStyle(new URL("embedding.css", import.meta.url));
  const update = () =>
    element.replaceChildren(...(host.value ? [draw(host.value, host.words("alt", { ...host.value }))] : []));
  host.watch(update);
  update();
  return { update, destroy: () => element.replaceChildren() };
}

/**
 * @param {EmbeddingValue} value
 * @param {string} alt
 */
function draw({ rows, columns, window, centres, chosen }, alt) {
  const [width, height] = [columns * CELL, rows * CELL];
  const lines = [
    ...Array.from({ length: columns + 1 }, (_, i) => `M${i * CELL} 0V${height}`),
    ...Array.from({ length: rows + 1 }, (_, i) => `M0 ${i * CELL}H${width}`),
  ];
  const at = (/** @type {number} */ place) => (place + 0.5) * CELL;
  const side = window * CELL;
  const isChosen = (/** @type {[number, number]} */ [y, x]) =>
    chosen.some(([row, column]) => row === y && column === x);
  return makeSvg(
    "svg",
    { class: "embedding-picture", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": alt },
    ...lines.map((d) => makeSvg("path", { class: "pixel", d })),
    ...chosen.map(([y, x]) =>
      makeSvg("rect", { class: "window", x: at(x) - side / 2, y: at(y) - side / 2, width: side, height: side }),
    ),
    ...centres.map((centre) => {
      const name = isChosen(centre) ? "centre chosen" : "centre";
      return makeSvg("circle", { class: name, cx: at(centre[1]), cy: at(centre[0]), r: 4 });
    }),
  );
}
