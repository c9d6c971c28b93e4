/* Close-up 5: the answer. What CLS gathers block by block, and what its numbers say for one class and for another. */

import { make, makeSvg } from "../../shared/dom.js";
import { inPercent } from "../../shared/words.js";
import * as arithmetic from "./arithmetic.js";
import { colours } from "./attention.js";
import { equation, number, shown, step } from "./cells.js";
import { largestProducts } from "./plots.js";

/** @import { CloseUpStage, Piece, Scene, View } from "../types.js" */

const SIDE = 5; // products that are listed for a class, and as many against it

/**
 * What the classifier reads, and how it came about.
 * @typedef {object} Read
 * @property {Float64Array[]} states CLS before the first block and after each; empty without CLS
 * @property {Float64Array} input of the classifier
 * @property {{ mean: number, deviation: number } | null} norm of CLS
 */

/** @type {View} */
export const answer = {
  draw(scene) {
    const { value, place, text, piece } = scene;
    const stage = value.stages[place.stage];
    const gathered = piece("gathered");
    const read = stage.has_cls ? readCls(scene, stage, gathered) : readAll(scene, stage, gathered);
    const logits = logitsOf(scene, read.input);
    const names = {
      stage: place.stage + 1,
      count: value.class_count,
      tokens: stage.tokens.rows * stage.tokens.columns,
    };
    const { gaze } = gathered;
    const veil = gaze
      ? { grid: stage.keys, colours: colours(scene, rowOf(gaze.values, stage.blocks - 1, gaze.shape[1]), 1) }
      : null;
    const steps = stage.has_cls ? [step(scene, 1, "gathers", gathers(scene, gathered, read))] : [];
    return {
      marks: [],
      veil,
      beside: [text(stage.has_cls ? "beside.answer" : "beside.answer mean", names)],
      body: [
        ...steps,
        step(scene, steps.length + 1, stage.has_cls ? "norm" : "mean", ...normalised(scene, read, names)),
        step(scene, steps.length + 2, "classes", classes(scene, read.input, logits)),
        step(scene, steps.length + 3, "probability", probability(scene, logits)),
      ],
    };
  },
};

/**
 * @param {ArrayLike<number>} values
 * @param {number} row
 * @param {number} length
 */
function rowOf(values, row, length) {
  return Float64Array.from({ length }, (_, i) => values[row * length + i]);
}

/**
 * CLS, from the learned one to what the classifier reads.
 * @param {Scene} scene
 * @param {CloseUpStage} stage
 * @param {Piece} gathered
 * @returns {Read}
 */
function readCls(scene, { blocks, channels }, { start, attention, mlp }) {
  const states = [Float64Array.from(start.values)];
  for (let b = 0; b < blocks; b++) {
    const [fetched, made] = [rowOf(attention.values, b, channels), rowOf(mlp.values, b, channels)];
    states.push(states[b].map((value, c) => value + fetched[c] + made[c]));
  }
  const { result, ...norm } = lastNorm(scene, states[blocks]);
  return { states, input: result, norm };
}

/**
 * Without CLS: all tokens, each normalised, and their mean.
 * @param {Scene} scene
 * @param {CloseUpStage} stage
 * @param {Piece} gathered
 * @returns {Read}
 */
function readAll(scene, { channels }, { tokens }) {
  const count = tokens.shape[0];
  const input = new Float64Array(channels);
  for (let t = 0; t < count; t++) {
    const { result } = lastNorm(scene, rowOf(tokens.values, t, channels));
    for (let c = 0; c < channels; c++) input[c] += result[c] / count;
  }
  return { states: [], input, norm: null };
}

/**
 * @param {Scene} scene
 * @param {ArrayLike<number>} token
 */
function lastNorm({ value, piece }, token) {
  const weights = piece("classifier");
  return arithmetic.layerNorm(
    token,
    weights["layernorm.weight"].values,
    weights["layernorm.bias"].values,
    value.norm_eps,
  );
}

/**
 * @param {Scene} scene
 * @param {Float64Array} input
 */
function logitsOf({ piece }, input) {
  const weights = piece("classifier");
  return arithmetic.linear(input, weights["classifier.weight"].values, weights["classifier.bias"].values);
}

/**
 * @param {Scene} scene
 * @param {number} index of a class
 */
function labelOf({ piece }, index) {
  return String(/** @type {any} */ (piece("labels").labels.values)[index]);
}

/**
 * Block by block: what attention and MLP add to CLS, and what the classifier would say to what is there so far.
 * @param {Scene} scene
 * @param {Piece} gathered
 * @param {Read} read
 */
function gathers(scene, { attention, mlp, gaze }, { states }) {
  const { text, place } = scene;
  const [blocks, channels] = attention.shape;
  const names = [labelOf(scene, place.target), labelOf(scene, place.against)];
  const column = (/** @type {string} */ name, values = {}) =>
    make("th", { scope: "col" }, text(`column.${name}`, values));
  const lengths = Array.from({ length: blocks }, (_, b) => [
    arithmetic.norm(rowOf(attention.values, b, channels)),
    arithmetic.norm(rowOf(mlp.values, b, channels)),
  ]);
  const rows = states.map((state, index) => {
    const logits = logitsOf(scene, lastNorm(scene, state).result);
    const cell = (/** @type {number | null} */ value, decimals = 2) =>
      value === null ? make("td", {}, "–") : make("td", { "data-value": value }, shown(value, decimals));
    const [fetched, made] = lengths[index - 1] ?? [null, null];
    const own = index ? gaze.values[(index - 1) * gaze.shape[1]] : null;
    return make(
      "tr",
      { "data-state": index },
      make("th", { scope: "row" }, index ? text("block name", { block: index }) : text("learned")),
      make("td", {}, ...(index ? [glance(scene, gaze, index - 1)] : ["–"])),
      cell(fetched),
      make(
        "td",
        own === null ? {} : { "data-value": own },
        own === null ? "–" : text("percent", { share: inPercent(own) }),
      ),
      cell(made),
      cell(logits[place.target]),
      cell(logits[place.against]),
    );
  });
  const head = make(
    "tr",
    {},
    ...["block", "look", "attention adds", "cls itself", "mlp adds"].map((name) => column(name)),
    ...names.map((label) => column("logit so far", { label })),
  );
  return make(
    "div",
    { class: "scrolling", tabindex: 0, role: "region", "aria-label": text("step.answer.gathers") },
    make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)),
    make("p", { class: "remark" }, text("gathers")),
  );
}

/**
 * Where CLS looks in one block: a small map, mean of all heads.
 * @param {Scene} scene
 * @param {Piece[string]} gaze
 * @param {number} block
 */
function glance(scene, { values, shape }, block) {
  const { rows, columns } = scene.value.stages[scene.place.stage].keys;
  const fills = colours(scene, rowOf(values, block, shape[1]), 1, 100);
  return makeSvg(
    "svg",
    { class: "glance", viewBox: `0 0 ${columns} ${rows}`, "aria-hidden": "true" },
    ...fills.map((fill, i) =>
      makeSvg("rect", { x: i % columns, y: Math.floor(i / columns), width: 1.02, height: 1.02, fill }),
    ),
  );
}

/**
 * @param {Scene} scene
 * @param {Read} read
 * @param {{ tokens: number }} names
 */
function normalised({ text }, { norm, input }, names) {
  const about = make(
    "p",
    { class: "remark" },
    text(norm ? "last norm" : "last mean", { ...names, channels: input.length }),
  );
  if (!norm) return [about];
  const count = input.length;
  return [
    equation(
      "(",
      make("span", { class: "formula" }, "CLS"),
      "−",
      number("mean", norm.mean, text("caption.mean", { count })),
      ") ÷",
      number("deviation", norm.deviation, text("caption.deviation")),
      "× … + …",
    ),
    about,
  ];
}

/**
 * Two classes side by side, on one scale: the products that speak most for them and against them, and their logits.
 * @param {Scene} scene
 * @param {Float64Array} input
 * @param {Float64Array} logits
 */
function classes(scene, input, logits) {
  const { text, place, piece } = scene;
  const weights = piece("classifier");
  const nameOf = (/** @type {number} */ c) => text("channel name", { channel: c + 1 });
  const rows = [place.target, place.against].map((index) =>
    rowOf(weights["classifier.weight"].values, index, input.length),
  );
  const reach = Math.max(...rows.flatMap((row) => arithmetic.products(input, row).reduce(furthest, 0)));
  const column = (/** @type {"target" | "against"} */ which, /** @type {Float64Array} */ row) => {
    const index = place[which];
    const bias = weights["classifier.bias"].values[index];
    const order = forAndAgainst(arithmetic.products(input, row));
    return make(
      "div",
      { class: "class", "data-class": which },
      chooser(scene, which, logits),
      largestProducts(scene, input, row, nameOf, { order, reach }),
      equation(
        number(`${which} products`, logits[index] - bias, text("caption.all products", { count: input.length })),
        "+",
        number(`${which} bias`, bias, text("caption.bias")),
        "=",
        number(`${which} logit`, logits[index], text("caption.logit"), { result: true }),
      ),
    );
  };
  return make("div", { class: "classes" }, column("target", rows[0]), column("against", rows[1]));
}

/**
 * @param {number} reach
 * @param {number} value
 */
function furthest(reach, value) {
  return Math.max(reach, Math.abs(value));
}

/**
 * The products that say most for a class, and those that say most against it.
 * @param {Float64Array} products
 */
function forAndAgainst(products) {
  const order = Array.from(products.keys()).sort((a, b) => products[b] - products[a]);
  const positive = order.filter((c) => products[c] > 0).slice(0, SIDE);
  const negative = order.filter((c) => products[c] < 0).slice(-SIDE);
  return [...positive, ...negative];
}

/**
 * @param {Scene} scene
 * @param {"target" | "against"} which
 * @param {Float64Array} logits
 */
function chooser(scene, which, logits) {
  const { place, text, piece, change } = scene;
  const labels = Array.from(/** @type {any} */ (piece("labels").labels.values), String);
  const order = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a]);
  const select = make(
    "select",
    { "data-keep": which, "aria-label": text(`choose.${which}`) },
    ...order.map((index) => make("option", { value: index }, labels[index])),
  );
  select.value = String(place[which]);
  select.addEventListener("change", () => change({ [which]: select.value }));
  return make("label", {}, select);
}

/**
 * From logits to probabilities.
 * @param {Scene} scene
 * @param {Float64Array} logits
 */
function probability(scene, logits) {
  const { value, text, place } = scene;
  const { temperature } = value;
  const { largest, exponentials, total, shares } = arithmetic.softmax(logits.map((logit) => logit / temperature));
  const line = (/** @type {"target" | "against"} */ which) => {
    const index = place[which];
    return make(
      "div",
      {},
      make("strong", {}, labelOf(scene, index)),
      equation(
        number(`${which} logit again`, logits[index], text("caption.logit")),
        "÷",
        number(`${which} temperature`, temperature, text("caption.temperature")),
        "→",
        "e^(",
        number(`${which} score`, logits[index] / temperature - largest, text("caption.below largest")),
        ") =",
        number(`${which} exponential`, exponentials[index], ""),
        "÷",
        number(`${which} total`, total, text("caption.classes", { count: logits.length })),
        "=",
        number(
          `${which} probability`,
          shares[index],
          text("caption.probability", { share: inPercent(shares[index]) }),
          { decimals: 4, result: true },
        ),
      ),
    );
  };
  return make("div", { class: "probabilities" }, line("target"), line("against"));
}
