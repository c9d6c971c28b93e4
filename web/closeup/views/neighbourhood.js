/* A window and those of its neighbours, enlarged, with what they share; beside it the patches a ViT would cut. */

import { paletteFor, paletteIndex } from "../../shared/colour.js";
import { make, makeSvg } from "../../shared/dom.js";
import { isInside, sharedCells } from "./arithmetic.js";
import { signedScale } from "./cells.js";

/** @import { Cell } from "../../types.js" */
/** @import { CloseUpStage, NumberMap, Scene } from "../types.js" */

/**
 * @param {Scene} scene
 * @param {CloseUpStage} stage
 * @param {NumberMap} map what the convolution sees
 * @param {number} channel of the map, for one without colours
 */
export function neighbourhood(scene, stage, map, channel) {
  const { text, place } = scene;
  const { kernel, stride, padding } = stage.embedding;
  const [row, column] = /** @type {Cell} */ (place.query);
  const [top, left] = [row * stride - padding, column * stride - padding];
  const side = kernel + 2 * stride;
  const cells = cellsAround(scene, map, channel, top - stride, left - stride, side);
  const numbers = {
    ...{ kernel, stride, cells: kernel ** 2, patch: stride ** 2 },
    ...{ across: sharedCells(stage.embedding, 0, 1), corner: sharedCells(stage.embedding, 1, 1) },
  };
  const view = { viewBox: `-0.2 -0.2 ${side + 0.4} ${side + 0.4}`, role: "img" };
  const square = (
    /** @type {number} */ y,
    /** @type {number} */ x,
    /** @type {number} */ size,
    /** @type {string} */ kind,
  ) => makeSvg("rect", { class: kind, x, y, width: size, height: size });
  const way = column + 1 < stage.tokens.columns ? 1 : -1; // where the neighbour is
  const frames = (/** @type {number} */ at, /** @type {number} */ size) => [
    square(at, at + way * stride, size, "halo"),
    square(at, at + way * stride, size, "frame other"),
    square(at, at, size, "halo"),
    square(at, at, size, "frame"),
  ];
  const shared = Math.max(0, kernel - stride);
  const windows = makeSvg(
    "svg",
    { ...view, "aria-label": text("neighbours.alt", numbers) },
    ...cells.map((cell) => cell.cloneNode()),
    makeSvg("rect", { class: "shared", x: way > 0 ? 2 * stride : stride, y: stride, width: shared, height: kernel }),
    ...frames(stride, kernel),
  );
  const patch = stride + padding; // of the same number as the token: where the window begins, without the border
  const starts = Array.from({ length: Math.ceil(side / stride) + 1 }, (_, i) => (patch % stride) + (i - 1) * stride);
  const patches = makeSvg(
    "svg",
    { ...view, "aria-label": text("patches.alt", numbers) },
    ...cells,
    ...starts.flatMap((y) => starts.map((x) => square(y, x, stride, "frame patch"))),
    ...frames(patch, stride),
  );
  const figure = (/** @type {SVGElement} */ picture, /** @type {string} */ caption) =>
    make("figure", {}, picture, make("figcaption", {}, caption));
  return [
    make(
      "div",
      { class: "neighbours", "data-shared": numbers.across },
      figure(windows, text("neighbours", numbers)),
      figure(patches, text("patches", numbers)),
    ),
  ];
}

/**
 * A square of cells, each in its own colour: that of the photo, or of one channel's number. Outside is the border.
 * @param {Scene} scene
 * @param {NumberMap} map
 * @param {number} channel
 * @param {number} top
 * @param {number} left
 * @param {number} side
 */
function cellsAround({ place, piece, theme }, map, channel, top, left, side) {
  const plane = map.rows * map.columns;
  const bytes = piece("pixels").pixels.values;
  const palette = paletteFor(theme, "diverging");
  const { low, high } = signedScale(theme, [Array.from({ length: plane }, (_, i) => map.values[channel * plane + i])]);
  const colourAt = (/** @type {number} */ at) => {
    if (!place.stage) return `rgb(${bytes[3 * at]} ${bytes[3 * at + 1]} ${bytes[3 * at + 2]})`;
    const word = palette[paletteIndex(map.values[channel * plane + at], low, high)];
    return `rgb(${word & 255} ${(word >> 8) & 255} ${(word >> 16) & 255})`;
  };
  return Array.from({ length: side * side }, (_, i) => {
    const [y, x] = [Math.floor(i / side), i % side];
    const at = isInside(map, top + y, left + x) ? (top + y) * map.columns + left + x : null;
    const box = { x: x + 0.03, y: y + 0.03, width: 0.94, height: 0.94 };
    return makeSvg("rect", at === null ? { ...box, class: "border" } : { ...box, fill: colourAt(at) });
  });
}
