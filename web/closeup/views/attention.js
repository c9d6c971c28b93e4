/* Close-up 3: attention, from the products of one query with one key to the softmax and the values it fetches. */

import { paletteFor, paletteIndex, limits } from "../../shared/colour.js";
import { make } from "../../shared/dom.js";
import * as arithmetic from "./arithmetic.js";
import { cellGrid, equation, number, shown, signedScale, step } from "./cells.js";
import { cellFrame } from "../picture.js";
import { summandList } from "./plots.js";
import { layerOf } from "./projection.js";
import { tokenNumber } from "../place.js";
import { tokenName } from "../toolbar.js";

/** @import { Cell, Query } from "../../types.js" */
/** @import { Layer } from "./layer.js" */
/** @import { Scene, View } from "../types.js" */

const LISTED = 8; // keys that are listed one by one

/** @type {View} */
export const attention = {
  draw(scene) {
    const { place, text } = scene;
    const layer = layerOf(scene);
    const { stage } = layer;
    const row = layer.attend(tokenNumber(stage, place.query), place.head);
    const order = Array.from(row.shares.keys()).sort((a, b) => row.shares[b] - row.shares[a]);
    const opened = make("div", { class: "opened", "aria-live": "polite" });
    const names = { token: tokenName(text, place.query), keys: layer.keys };
    return {
      marks: place.query === "cls" ? [] : [{ frame: cellFrame(stage.tokens, place.query), kind: "this" }],
      veil: { grid: stage.keys, colours: colours(scene, row.shares, layer.cls) },
      beside: [text("beside.attention", names)],
      body: [
        step(scene, 1, "keys", keyMap(scene, layer, row.shares)),
        step(scene, 2, "products", opened),
        step(scene, 3, "softmax", ...softmax(scene, layer, row, order)),
        step(scene, 4, "values", ...values(scene, layer, row, order)),
      ],
      look: {
        first: order[0],
        readout: opened,
        describe: (key) => onePair(scene, layer, row, key),
      },
    };
  },
};

/**
 * A key by its place on the keys' own grid.
 * @param {Scene} scene
 * @param {Layer} layer
 * @param {number} key
 */
function keyName({ text }, { stage, cls }, key) {
  return tokenName(text, key < cls ? "cls" : cellOf(stage.keys.columns, key - cls));
}

/**
 * @param {number} columns
 * @param {number} index
 * @returns {Query}
 */
function cellOf(columns, index) {
  return /** @type {Cell} */ ([Math.floor(index / columns), index % columns]);
}

/**
 * How shares are coloured: as on the explorer's maps, against the uniform share.
 * @param {Scene} scene
 * @param {Float64Array} shares
 */
function shareColours({ theme }, shares) {
  const scale = limits(theme.colours.distribution, [shares], { baseline: 1 / shares.length });
  return { theme, scale, kind: /** @type {"distribution"} */ ("distribution") };
}

/**
 * A veil over the photo: how much of the attention goes where.
 * @param {Scene} scene
 * @param {Float64Array} shares CLS first
 * @param {number} cls how many come before the grid
 * @param {number} [percent] how much of what is below it hides
 */
export function colours(scene, shares, cls, percent = 70) {
  const { theme, scale, kind } = shareColours(scene, shares);
  const palette = paletteFor(theme, kind);
  return Array.from(shares.subarray(cls), (share) => {
    const word = palette[paletteIndex(share, scale.low, scale.high)];
    return `rgb(${word & 255} ${(word >> 8) & 255} ${(word >> 16) & 255} / ${percent}%)`;
  });
}

/**
 * All keys, each with its share; one of them is opened.
 * @param {Scene} scene
 * @param {Layer} layer
 * @param {Float64Array} shares
 */
function keyMap(scene, { stage, cls }, shares) {
  const { text } = scene;
  const look = shareColours(scene, shares);
  const options = { first: cls, columns: stage.keys.columns, walked: true, decimals: 3, name: "shares" };
  const grid = cellGrid(shares.subarray(cls), text("grid.shares"), look, options);
  const own = cls
    ? [cellGrid(shares.subarray(0, 1), "CLS", look, { columns: 1, decimals: 3, name: "share of CLS" })]
    : [];
  const isDense = stage.keys.columns > 12;
  const told = own.length ? text("shares and cls", { count: shares.length }) : text("shares", { count: shares.length });
  return make(
    "div",
    { class: isDense ? "keys dense" : "keys" },
    ...own.map((cells) => make("div", { class: "own" }, make("small", {}, "CLS"), cells)),
    grid,
    make("p", { class: "remark" }, told),
  );
}

/**
 * The products of the query with one key, and what becomes of their sum.
 * @param {Scene} scene
 * @param {Layer} layer
 * @param {ReturnType<Layer["attend"]>} row
 * @param {number} key
 */
function onePair(scene, layer, row, key) {
  const { text, place, theme } = scene;
  const vector = layer.all("key", place.head)[key];
  const products = arithmetic.products(row.query, vector);
  const strip = (/** @type {Float64Array} */ values, /** @type {string} */ name) => {
    const look = { theme, scale: signedScale(theme, [values]) };
    const columns = Math.min(values.length, 16);
    const caption = text(`caption.${name}`, { count: values.length });
    return make(
      "div",
      { class: "strip" },
      cellGrid(values, caption, look, { columns, name: `pair ${name}`, first: null }),
      make("small", {}, caption),
    );
  };
  const { stage } = layer;
  return [
    make("strong", {}, text("pair", { query: tokenName(text, place.query), key: keyName(scene, layer, key) })),
    make("div", { class: "strips" }, strip(row.query, "queries"), strip(vector, "keys"), strip(products, "products")),
    equation(
      number("pair sum", row.sums[key], text("caption.all products", { count: products.length })),
      "×",
      number("scale", layer.scale, text("caption.scale", { channels: stage.channels })),
      "=",
      number("score", row.scores[key], text("caption.score"), { result: true }),
    ),
    equation(
      "e^(",
      number("pair score", row.scores[key], text("caption.score")),
      "−",
      number("largest", row.largest, text("caption.largest")),
      ") =",
      number("exponential", row.exponentials[key], ""),
      "÷",
      number("total", row.total, text("caption.total", { count: row.shares.length })),
      "=",
      number("share", row.shares[key], text("caption.share"), { decimals: 4, result: true }),
    ),
  ];
}

/**
 * Softmax as a table: the keys with the largest shares, all others, and their sum; and how sharp another scale were.
 * @param {Scene} scene
 * @param {Layer} layer
 * @param {ReturnType<Layer["attend"]>} row
 * @param {number[]} order keys, the largest share first
 */
function softmax(scene, layer, row, order) {
  const { text } = scene;
  const { size, stage } = layer;
  const sharper = arithmetic.softmax(row.sums.map((sum) => sum * size ** -0.5));
  const names = ["key", "sum", "score", "exponential", "share", "other share"];
  const numbers = { channels: stage.channels, size };
  const head = make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, text(`column.${name}`, numbers))));
  const cell = (/** @type {number} */ value, decimals = 3) =>
    make("td", { "data-value": value }, shown(value, decimals));
  const line = (
    /** @type {string} */ name,
    /** @type {number[]} */ of,
    /** @type {Record<string, string | number>} */ attributes,
  ) => {
    const add = (/** @type {Float64Array} */ values) => of.reduce((total, key) => total + values[key], 0);
    const single = of.length === 1 ? [cell(row.sums[of[0]]), cell(row.scores[of[0]])] : [make("td"), make("td")];
    const shares = [cell(add(row.shares), 4), cell(add(sharper.shares), 4)];
    return make(
      "tr",
      attributes,
      make("th", { scope: "row" }, name),
      ...single,
      cell(add(row.exponentials)),
      ...shares,
    );
  };
  const first = order.slice(0, LISTED);
  const rest = order.slice(LISTED);
  const rows = [
    ...first.map((key) => line(keyName(scene, layer, key), [key], { "data-cell": key })),
    ...(rest.length ? [line(text("other keys", { count: rest.length }), rest, {})] : []),
    line(text("all keys", { count: order.length }), order, { class: "total" }),
  ];
  return [
    make(
      "div",
      { class: "scrolling", tabindex: 0, role: "region", "aria-label": text("step.attention.softmax") },
      make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)),
    ),
    make("p", { class: "remark" }, stage.heads === 1 ? text("same scale") : text("scales", numbers)),
  ];
}

/**
 * The values that are fetched, weighted, for one channel.
 * @param {Scene} scene
 * @param {Layer} layer
 * @param {ReturnType<Layer["attend"]>} row
 * @param {number[]} order
 */
function values(scene, layer, row, order) {
  const { text, place } = scene;
  const inside = place.channel - place.head * layer.size;
  const value = Float64Array.from(layer.all("value", place.head), (token) => token[inside]);
  const first = order.slice(0, LISTED);
  const summands = first.map((key) => ({
    name: keyName(scene, layer, key),
    factors: `${shown(row.shares[key], 4)} × ${shown(value[key])}`,
    value: row.shares[key] * value[key],
    cell: key,
  }));
  const rest = row.context[inside] - arithmetic.sum(summands.map(({ value }) => value));
  const left = order.length - first.length;
  const others = left ? { name: text("other keys", { count: left }), value: rest } : null;
  return [
    summandList(scene, text("step.attention.values"), summands, others),
    equation(
      "=",
      number("result", row.context[inside], text("caption.fetched", { channel: place.channel + 1 }), { result: true }),
    ),
  ];
}
