/* Close-up 1: the convolutional token embedding, from the pixels of a token's window to one number of the token. */

import { make } from "../../shared/dom.js";
import * as arithmetic from "./arithmetic.js";
import { byteWriter, cellGrid, equation, number, shown, signedScale, step } from "./cells.js";
import { neighbourhood } from "./neighbourhood.js";
import { windowFrame } from "../picture.js";
import { bars, largestProducts } from "./plots.js";

/** @import { Cell, Scale } from "../../types.js" */
/** @import { CloseUpStage, Drawn, NumberMap, Scene, View } from "../types.js" */

const COLOURS = ["red", "green", "blue"];

/**
 * The window of one token for one of its channels, worked out.
 * @typedef {object} Opened
 * @property {NumberMap} map what the convolution sees
 * @property {Float64Array[]} windows by input channel
 * @property {Float64Array[]} weights
 * @property {Float64Array[]} products
 * @property {Float64Array} sums
 * @property {number[]} order input channels, those that say most first
 */

/** @type {View} */
export const embedding = {
  draw(scene) {
    const stage = scene.value.stages[scene.place.stage];
    const opened = openWindow(scene, stage);
    const readout = make("p", { class: "readout", "aria-live": "polite" });
    const strongest = strongestProduct(opened);
    const drawing = drawWindows(stage, scene.place.query);
    return {
      ...drawing,
      beside: besidePicture(scene, stage),
      body: [
        step(scene, 1, "window", windows(scene, stage, opened), readout),
        step(scene, 2, "sum", ...sumUp(scene, stage, opened)),
        step(scene, 3, "normalise", ...normalise(scene, stage, opened)),
        step(scene, 4, "neighbours", ...neighbourhood(scene, stage, opened.map, opened.order[0])),
      ],
      look: { first: strongest, readout, describe: (cell) => describe(scene, stage, opened, cell) },
    };
  },
};

/**
 * The map that the first convolution sees, or the next ones.
 * @param {Scene} scene
 * @param {CloseUpStage} stage
 * @returns {NumberMap}
 */
function inputMap({ value, place, piece }, stage) {
  const { rows, columns } = stage.input;
  if (place.stage)
    return { channels: stage.inputs, rows, columns, values: piece(`stages.${place.stage - 1}.output`).map.values };
  const bytes = piece("pixels").pixels.values;
  const values = new Float64Array(3 * rows * columns);
  for (let c = 0, i = 0; c < 3; c++) {
    for (let p = 0; p < rows * columns; p++, i++) {
      values[i] = (bytes[3 * p + c] * value.factor - value.mean[c]) / value.deviation[c];
    }
  }
  return { channels: 3, rows, columns, values };
}

/**
 * @param {Scene} scene
 * @param {CloseUpStage} stage
 * @returns {Opened}
 */
function openWindow(scene, stage) {
  const { place, piece } = scene;
  const map = inputMap(scene, stage);
  const [row, column] = /** @type {Cell} */ (place.query);
  const size = stage.embedding.kernel ** 2;
  const kernel = piece(`stages.${place.stage}.embedding`)["projection.weight"].values;
  const channels = Array.from({ length: map.channels }, (_, c) => c);
  const windows = channels.map((c) => arithmetic.windowValues(map, stage.embedding, row, column, c));
  const start = place.channel * map.channels * size;
  const weights = channels.map((c) => Float64Array.from({ length: size }, (_, i) => kernel[start + c * size + i]));
  const products = channels.map((c) => arithmetic.products(windows[c], weights[c]));
  const sums = Float64Array.from(products, arithmetic.sum);
  const order = place.stage ? arithmetic.strongest(sums) : channels;
  return { map, windows, weights, products, sums, order };
}

/** @param {Opened} opened */
function strongestProduct({ products, order }) {
  const size = products[0].length;
  const inside = arithmetic.strongest(products[order[0]], 1)[0];
  return order[0] * size + inside;
}

/**
 * This token's window and those of its right and lower neighbours.
 * @param {CloseUpStage} stage
 * @param {Scene["place"]["query"]} query
 */
function drawWindows({ input, tokens, embedding: convolution }, query) {
  const [row, column] = /** @type {Cell} */ (query);
  /** @type {Cell[]} */
  const others = [
    [row, column + 1 < tokens.columns ? column + 1 : column - 1],
    [row + 1 < tokens.rows ? row + 1 : row - 1, column],
  ];
  return {
    marks: [
      ...others.map((cell) => ({ frame: windowFrame(input, convolution, cell), kind: "other" })),
      { frame: windowFrame(input, convolution, [row, column]), kind: "this" },
    ],
    border: convolution.padding * input.stride,
  };
}

/**
 * @param {Scene} scene
 * @param {CloseUpStage} stage
 */
function besidePicture({ value, place, text }, stage) {
  const { kernel, stride } = stage.embedding;
  const [row, column] = /** @type {Cell} */ (place.query);
  const numbers = {
    ...{ height: value.height, width: value.width, kernel, stride, inputs: stage.inputs },
    ...{ shared: kernel * Math.max(0, kernel - stride), cells: kernel ** 2 },
    border: arithmetic.borderCells(stage.input, stage.embedding, row, column),
  };
  const about = place.stage ? text("beside.map", numbers) : text("beside.pixels", numbers);
  return [about, ...(numbers.border ? [make("strong", {}, text("beside.border", numbers))] : [])];
}

/**
 * Windows × kernels = products, a line for each input channel; or the products alone, the largest first.
 * @param {Scene} scene
 * @param {CloseUpStage} stage
 * @param {Opened} opened
 */
function windows(scene, stage, opened) {
  const { text, place, options, choose, theme } = scene;
  const { order } = opened;
  const first = place.stage ? order.slice(0, options.rows) : order;
  const scales = {
    inputs: signedScale(
      theme,
      first.map((c) => opened.windows[c]),
    ),
    weights: signedScale(
      theme,
      first.map((c) => opened.weights[c]),
    ),
    products: signedScale(
      theme,
      first.map((c) => opened.products[c]),
    ),
  };
  const isSorted = options.order === "size";
  const sorted = make(
    "button",
    { type: "button", "data-keep": "order", "aria-pressed": String(isSorted) },
    text("by size"),
  );
  sorted.addEventListener("click", () => choose({ order: isSorted ? "place" : "size" }));
  const drawn = isSorted
    ? [
        largestProducts(scene, flat(opened.windows), flat(opened.weights), (cell) => cellName(scene, stage, cell), {
          cells: true,
        }),
      ]
    : first.map((c) => line(scene, stage, opened, c, scales));
  const left = order.length - first.length;
  const rest = order.slice(first.length).reduce((total, c) => total + opened.sums[c], 0);
  const more = make("button", { type: "button", "data-keep": "more" }, text("more"));
  more.addEventListener("click", () => choose({ rows: Math.min(2 * options.rows, order.length) }));
  const others = make("p", { class: "rest" }, text("rest", { count: left }), number("rest", rest, ""), more);
  return make("div", { class: "windows" }, sorted, ...drawn, ...(left && !isSorted ? [others] : []));
}

/** @param {Float64Array[]} groups */
function flat(groups) {
  return groups.flatMap((group) => [...group]);
}

/**
 * @param {Scene} scene
 * @param {CloseUpStage} stage
 * @param {Opened} opened
 * @param {number} channel of the input
 * @param {Record<"inputs" | "weights" | "products", Scale>} scales
 */
function line({ value, place, text, theme }, stage, opened, channel, scales) {
  const { windows: seen, weights, products, sums } = opened;
  const first = channel * seen[channel].length;
  const name = channelName(text, place.stage, channel);
  const told = (/** @type {string} */ what) => text(`grid.${what}`, { channel: name });
  const isBorder = borderOf(opened, stage, place);
  const bytes = place.stage ? null : bytesOf(value, seen[channel], channel).map((byte, i) => (isBorder(i) ? 0 : byte));
  const inputs = bytes
    ? cellGrid(bytes, told("pixels"), byteWriter(channel, isBorder), { first, walked: true, name: "pixels" })
    : cellGrid(
        seen[channel],
        told("inputs"),
        { theme, scale: scales.inputs, isBorder },
        { first, walked: true, name: "inputs" },
      );
  const grid = (/** @type {Float64Array} */ values, /** @type {"weights" | "products"} */ what) =>
    cellGrid(values, told(what), { theme, scale: scales[what] }, { first, name: what });
  const sign = (/** @type {string} */ which) => make("span", { class: "sign" }, which);
  const label = (/** @type {string} */ what) => make("small", {}, text(`caption.${what}`));
  return make(
    "div",
    { class: "line", "data-input": channel + 1 },
    make("span", { class: "name" }, name),
    make("div", {}, inputs, label(bytes ? "pixels" : "inputs")),
    sign("×"),
    make("div", {}, grid(weights[channel], "weights"), label("weights")),
    sign("="),
    make("div", {}, grid(products[channel], "products"), label("products")),
    sign("→"),
    number(`sum ${channel + 1}`, sums[channel], ""),
  );
}

/**
 * Which cells of the window lie in the zero border.
 * @param {Opened} opened
 * @param {CloseUpStage} stage
 * @param {Scene["place"]} place
 * @returns {(inside: number) => boolean}
 */
function borderOf({ map }, stage, { query }) {
  return (inside) => !arithmetic.isInside(map, ...cellOf(stage, query, inside));
}

/**
 * Where a cell of the window lies on the map below.
 * @param {CloseUpStage} stage
 * @param {Scene["place"]["query"]} query
 * @param {number} inside
 * @returns {[number, number]}
 */
function cellOf({ embedding: { kernel, stride, padding } }, query, inside) {
  const [row, column] = /** @type {Cell} */ (query);
  return [row * stride - padding + Math.floor(inside / kernel), column * stride - padding + (inside % kernel)];
}

/**
 * The bytes that normalised pixels were.
 * @param {Scene["value"]} value
 * @param {Float64Array} seen
 * @param {number} colour
 */
function bytesOf({ factor, mean, deviation }, seen, colour) {
  return Array.from(seen, (number) => Math.round((number * deviation[colour] + mean[colour]) / factor));
}

/**
 * @param {Scene["text"]} text
 * @param {number} stage
 * @param {number} channel
 */
function channelName(text, stage, channel) {
  return stage ? text("channel name", { channel: channel + 1 }) : text(`colour.${COLOURS[channel]}`);
}

/**
 * @param {Scene} scene
 * @param {CloseUpStage} stage
 * @param {number} cell
 */
function cellName({ text, place }, { embedding: { kernel } }, cell) {
  const [channel, inside] = [Math.floor(cell / kernel ** 2), cell % kernel ** 2];
  const where = { row: Math.floor(inside / kernel) + 1, column: (inside % kernel) + 1 };
  return text("cell", { channel: channelName(text, place.stage, channel), ...where });
}

/**
 * One product, from the byte on.
 * @param {Scene} scene
 * @param {CloseUpStage} stage
 * @param {Opened} opened
 * @param {number} cell
 */
function describe(scene, stage, { map, windows: seen, weights, products }, cell) {
  const { value, place, text } = scene;
  const { kernel } = stage.embedding;
  const [channel, inside] = [Math.floor(cell / kernel ** 2), cell % kernel ** 2];
  const input = seen[channel][inside];
  const steps = [];
  if (!arithmetic.isInside(map, ...cellOf(stage, place.query, inside))) steps.push(text("in border"), "→");
  else if (!place.stage) {
    const byte = Math.round((input * value.deviation[channel] + value.mean[channel]) / value.factor);
    const formula = value.factor === 1 ? `${byte}` : `${byte} / ${shown(1 / value.factor, 0)}`;
    steps.push(number("byte", byte, text("caption.pixel"), { decimals: 0 }), "→");
    steps.push(
      make("span", { class: "formula" }, `(${formula} − ${value.mean[channel]}) / ${value.deviation[channel]} =`),
    );
  }
  steps.push(
    number("input", input, text(place.stage ? "caption.input" : "caption.normalised")),
    "×",
    number("weight", weights[channel][inside], text("caption.weight")),
    "=",
    number("product", products[channel][inside], text("caption.product")),
  );
  return [make("strong", {}, cellName(scene, stage, cell)), equation(...steps)];
}

/**
 * @param {Scene} scene
 * @param {CloseUpStage} stage
 * @param {Opened} opened
 */
function sumUp({ text, place, piece }, stage, { sums }) {
  const bias = piece(`stages.${place.stage}.embedding`)["projection.bias"].values[place.channel];
  const total = arithmetic.sum(sums);
  const count = stage.inputs * stage.embedding.kernel ** 2;
  return [
    equation(
      number("products", total, text("caption.all products", { count })),
      "+",
      number("bias", bias, text("caption.bias")),
      "=",
      number("sum", total + bias, text("caption.sum"), { result: true }),
    ),
  ];
}

/**
 * @param {Scene} scene
 * @param {CloseUpStage} stage
 * @param {Opened} opened
 */
function normalise(scene, stage, { map }) {
  const { value, place, text, piece, change } = scene;
  const weights = piece(`stages.${place.stage}.embedding`);
  const [row, column] = /** @type {Cell} */ (place.query);
  const at = (/** @type {string} */ name) => weights[name].values;
  const all = arithmetic.convolve(map, stage.embedding, at("projection.weight"), at("projection.bias"), row, column);
  const { mean, deviation, result } = arithmetic.layerNorm(all, at("norm.weight"), at("norm.bias"), value.norm_eps);
  const { channel } = place;
  return [
    equation(
      "(",
      number("before", all[channel], text("caption.sum")),
      "−",
      number("mean", mean, text("caption.mean", { count: all.length })),
      ") ÷",
      number("deviation", deviation, text("caption.deviation")),
      "×",
      number("norm weight", at("norm.weight")[channel], text("caption.weight")),
      "+",
      number("norm bias", at("norm.bias")[channel], text("caption.bias")),
      "=",
      number("result", result[channel], text("caption.token", { channel: channel + 1 }), { result: true }),
    ),
    bars(scene, result, channel, text("bars", { count: result.length }), (index) => change({ channel: index + 1 })),
  ];
}
