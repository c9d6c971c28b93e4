/* Close-up 2: the convolutional projection, from the normalised tokens to one number of a query, a key and a value. */

import { make, makeSvg } from "../../shared/dom.js";
import { cells, samePlace } from "../../shared/geometry.js";
import * as arithmetic from "./arithmetic.js";
import { cellGrid, counted, equation, number, signedScale, step } from "./cells.js";
import { Layer } from "./layer.js";
import { windowFrame } from "../picture.js";
import { largestProducts } from "./plots.js";

/** @import { Cell, Words } from "../../types.js" */
/** @import { Projection } from "./layer.js" */
/** @import { CloseUpStage, Scene, View } from "../types.js" */

const BYTES = 4; // of a number

/** @type {View} */
export const projection = {
  draw(scene) {
    const { place, text } = scene;
    const stage = scene.value.stages[place.stage];
    const layer = layerOf(scene);
    const token = /** @type {Cell} */ (place.query);
    const key = samePlace(stage.tokens, stage.keys, token);
    /** @type {[Projection, Cell][]} */
    const ways = [
      ["query", token],
      ["key", key],
      ["value", key],
    ];
    const numbers = { queries: cells(stage.tokens), keys: cells(stage.keys), ...stage.key };
    return {
      ...drawWindows(stage, layer, token, key),
      beside: [text(`beside.${stage.method}`, numbers), ...(stage.has_cls ? [" ", text("beside.cls")] : [])],
      body: [
        step(scene, 1, "grids", grids(scene, stage, token, key)),
        ...ways.map(([which, cell], i) => step(scene, i + 2, which, ...way(scene, layer, which, cell))),
        step(scene, 5, "saving", saving(scene)),
      ],
    };
  },
};

/** @type {WeakMap<object, Layer>} by the tokens that enter */
const layers = new WeakMap();

/**
 * The block that a close-up is about; worked out once.
 * @param {Scene} scene
 */
export function layerOf({ value, place, piece }) {
  const path = `stages.${place.stage}.layers.${place.block}`;
  const input = piece(`${path}.input`);
  const found = layers.get(input) ?? new Layer(value, value.stages[place.stage], input, piece(`${path}.attention`));
  layers.set(input, found);
  return found;
}

/**
 * The window of the query, and that of the key.
 * @param {CloseUpStage} stage
 * @param {Layer} layer
 * @param {Cell} token
 * @param {Cell} key
 */
function drawWindows({ tokens }, layer, token, key) {
  const single = { kernel: 1, stride: 1, padding: 0 };
  const frame = (/** @type {Projection} */ which, /** @type {Cell} */ cell) =>
    windowFrame(tokens, layer.convolution(which) ?? single, cell);
  const marks = [
    { frame: frame("key", key), kind: "other" },
    { frame: frame("query", token), kind: "this" },
  ];
  const border = Math.max(
    ...["query", "key"].map((which) => layer.convolution(/** @type {any} */ (which))?.padding ?? 0),
  );
  return { marks, border: border * tokens.stride };
}

/**
 * The grid of queries and the grid of keys, one over the other.
 * @param {Scene} scene
 * @param {CloseUpStage} stage
 * @param {Cell} token
 * @param {Cell} key
 */
function grids({ text }, { tokens, keys }, token, key) {
  const [rows, columns] = [tokens.rows, tokens.columns];
  const lines = [
    ...Array.from({ length: rows + 1 }, (_, i) => `M0 ${i}H${columns}`),
    ...Array.from({ length: columns + 1 }, (_, i) => `M${i} 0V${rows}`),
  ];
  const at = (/** @type {number} */ index) => (keys.offset + index * keys.stride - tokens.offset) / tokens.stride + 0.5;
  const dot = (/** @type {Cell} */ [row, column], /** @type {string} */ kind) =>
    makeSvg("circle", { class: kind, cx: at(column), cy: at(row), r: 0.3 });
  const all = Array.from({ length: cells(keys) }, (_, i) =>
    dot([Math.floor(i / keys.columns), i % keys.columns], "key"),
  );
  const numbers = { queries: cells(tokens), keys: cells(keys), share: Math.round((100 * cells(keys)) / cells(tokens)) };
  const caption = text("grids", numbers);
  return make(
    "figure",
    { class: "grids" },
    makeSvg(
      "svg",
      { viewBox: `-0.5 -0.5 ${columns + 1} ${rows + 1}`, role: "img", "aria-label": caption },
      makeSvg("path", { d: lines.join("") }),
      makeSvg("rect", { class: "token", x: token[1], y: token[0], width: 1, height: 1 }),
      ...all,
      dot(key, "key chosen"),
    ),
    make("figcaption", {}, caption),
  );
}

/**
 * One projection: window × kernel, batch norm apart and folded, and one output of the linear.
 * @param {Scene} scene
 * @param {Layer} layer
 * @param {Projection} which
 * @param {Cell} cell of the projection's own grid
 */
function way(scene, layer, which, cell) {
  const { text, place } = scene;
  const { stage } = layer;
  const convolution = layer.convolution(which);
  const spatial = !convolution
    ? make("p", { class: "remark" }, text("no convolution"))
    : stage.method === "avg"
      ? pooled(scene, layer, which, cell)
      : convolved(scene, layer, which, cell);
  const grid = which === "query" ? stage.tokens : stage.keys;
  const inputs = layer.spatial(which, cell[0] * grid.columns + cell[1] + layer.cls);
  const weight = layer.weight(`${which}_linear.weight`);
  const row = Float64Array.from(inputs, (_, i) => weight[place.channel * inputs.length + i]);
  const bias = layer.weight(`${which}_linear.bias`)?.[place.channel] ?? 0;
  const total = arithmetic.dot(inputs, row);
  return [
    spatial,
    equation(
      number(`${which} products`, total, text("caption.linear", { count: inputs.length })),
      "+",
      number(`${which} bias`, bias, text("caption.bias")),
      "=",
      number(which, total + bias, text(`caption.${which}`, { channel: place.channel + 1 }), { result: true }),
    ),
    make(
      "details",
      { "data-keep": which },
      make("summary", {}, text("linear", { count: inputs.length })),
      largestProducts(scene, inputs, row, (i) => text("channel name", { channel: i + 1 }), {
        order: arithmetic.strongest(arithmetic.products(inputs, row), 8),
      }),
    ),
  ];
}

/**
 * @param {Scene} scene
 * @param {Layer} layer
 * @param {Projection} which
 * @param {Cell} cell
 */
function convolved(scene, layer, which, [row, column]) {
  const { text, place, theme } = scene;
  const convolution = /** @type {import("../types.js").Convolution} */ (layer.convolution(which));
  const { weights, batch, factor, summand } = layer.kernel(which, place.channel);
  const seen = arithmetic.windowValues(layer.normalised, convolution, row, column, place.channel);
  const products = arithmetic.products(seen, weights);
  const sum = arithmetic.sum(products);
  const deviation = Math.sqrt(batch.variance + scene.value.batch_eps);
  const isBorder = (/** @type {number} */ i) => {
    const { kernel, stride, padding } = convolution;
    const [y, x] = [row * stride - padding + Math.floor(i / kernel), column * stride - padding + (i % kernel)];
    return !arithmetic.isInside(layer.normalised, y, x);
  };
  const grid = (/** @type {Float64Array} */ values, /** @type {string} */ what, bordered = false) => {
    const look = { theme, scale: signedScale(theme, [values]), ...(bordered ? { isBorder } : {}) };
    const label = text(`grid.${what}`, { channel: text("channel name", { channel: place.channel + 1 }) });
    return make("div", {}, cellGrid(values, label, look, { name: what }), make("small", {}, text(`caption.${what}`)));
  };
  const sign = (/** @type {string} */ which) => make("span", { class: "sign" }, which);
  return make(
    "div",
    { class: "way", "data-way": which },
    make(
      "div",
      { class: "line" },
      make("span", { class: "name" }, text("channel name", { channel: place.channel + 1 })),
      ...[grid(seen, "inputs", true), sign("×"), grid(weights, "weights"), sign("="), grid(products, "products")],
      ...[sign("→"), number(`${which} sum`, sum, "")],
    ),
    make("p", { class: "remark" }, text("batch norm apart")),
    equation(
      "(",
      number(`${which} before`, sum, text("caption.sum")),
      "−",
      number(`${which} mean`, batch.mean, text("caption.learned mean")),
      ") ÷",
      number(`${which} deviation`, deviation, text("caption.deviation")),
      "×",
      number(`${which} scale`, batch.weight, text("caption.weight")),
      "+",
      number(`${which} shift`, batch.bias, text("caption.bias")),
      "=",
      number(`${which} normalised`, sum * factor + summand, text("caption.convolved")),
    ),
    make("p", { class: "remark" }, text("batch norm folded")),
    equation(
      number(`${which} unfolded`, sum, text("caption.sum")),
      "×",
      number(`${which} factor`, factor, text("caption.factor")),
      "+",
      number(`${which} summand`, summand, text("caption.summand")),
      "=",
      number(`${which} folded`, sum * factor + summand, text("caption.convolved")),
    ),
    make("p", { class: "remark" }, text("then linear")),
  );
}

/**
 * @param {Scene} scene
 * @param {Layer} layer
 * @param {Projection} which
 * @param {Cell} cell
 */
function pooled({ text, place, theme }, layer, which, [row, column]) {
  const convolution = /** @type {import("../types.js").Convolution} */ (layer.convolution(which));
  const seen = arithmetic.windowValues(layer.normalised, convolution, row, column, place.channel);
  const count = arithmetic.poolCells(layer.normalised, convolution, row, column);
  const name = text("channel name", { channel: place.channel + 1 });
  const look = { theme, scale: signedScale(theme, [seen]) };
  return make(
    "div",
    { class: "way pooled", "data-way": which },
    cellGrid(seen, text("grid.inputs", { channel: name }), look, { name: "inputs" }),
    equation(
      number(`${which} sum`, arithmetic.sum(seen), text("caption.sum")),
      "÷",
      number(`${which} count`, count, text("caption.places"), { decimals: 0 }),
      "=",
      number(`${which} folded`, arithmetic.sum(seen) / count, text("caption.pooled")),
    ),
  );
}

/**
 * What squeezing the keys saves, stage by stage: multiply–adds of one block's attention, and the memory of its shares.
 * @param {Scene} scene
 */
function saving({ value, text, place }) {
  const names = /** @type {const} */ (["tokens", "keys", "full", "squeezed", "full memory", "memory"]);
  const head = make(
    "tr",
    {},
    ...["stage", ...names].map((name) => make("th", { scope: "col" }, text(`saving.${name}`))),
  );
  const rows = value.stages.map((stage, index) => {
    const { queries, squeezed, full } = arithmetic.costs(stage);
    const million = (/** @type {number} */ count) => unit(text, count, 1e6, "million");
    const mebibytes = (/** @type {number} */ shares) => unit(text, shares * BYTES, 2 ** 20, "mebibytes");
    const written = [counted(queries), counted(squeezed.keys), million(full.linear + full.attention)];
    written.push(million(squeezed.linear + squeezed.attention), mebibytes(full.shares), mebibytes(squeezed.shares));
    const exact = [queries, squeezed.keys, full.linear + full.attention, squeezed.linear + squeezed.attention];
    exact.push(full.shares * BYTES, squeezed.shares * BYTES);
    return make(
      "tr",
      index === place.stage ? { class: "here" } : {},
      make("th", { scope: "row" }, String(index + 1)),
      ...written.map((words, i) => make("td", { "data-saving": names[i], "data-value": exact[i] }, words)),
    );
  });
  return make(
    "div",
    { class: "scrolling", tabindex: 0, role: "region", "aria-label": text("step.projection.saving") },
    make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)),
    make("p", { class: "remark" }, text("saving", { height: value.height, width: value.width })),
  );
}

/**
 * @param {Words} text
 * @param {number} count
 * @param {number} size
 * @param {string} name
 */
function unit(text, count, size, name) {
  const value = count / size;
  return text(`unit.${name}`, { value: value >= 100 ? counted(value) : value.toPrecision(3) });
}
