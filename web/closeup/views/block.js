/* Close-up 4: a block, from the token that enters to the one that leaves, and how much each half adds. */

import { make, makeSvg } from "../../shared/dom.js";
import { cells } from "../../shared/geometry.js";
import { ACTIVATIONS, norm, strongest } from "./arithmetic.js";
import { equation, number, shown, step } from "./cells.js";
import { cellFrame } from "../picture.js";
import { tokenNumber } from "../place.js";
import { bars } from "./plots.js";
import { layerOf } from "./projection.js";

/** @import { Layer } from "./layer.js" */
/** @import { Scene, View } from "../types.js" */

const FRAME = { left: -4, right: 1.6, low: -0.26, high: 0.6 }; // where the two activations differ enough to be seen

const NAMES = { gelu: "GELU", quick_gelu: "QuickGELU" };

/** @type {View} */
export const block = {
  draw(scene) {
    const { place, text, piece, change } = scene;
    const layer = layerOf(scene);
    layer.mlp = piece(`stages.${place.stage}.layers.${place.block}.mlp`);
    const { stage } = layer;
    const token = tokenNumber(stage, place.query);
    const way = layer.through(token);
    const isLast = place.block === stage.blocks - 1;
    const names = { stage: place.stage + 1, block: place.block + 1, channel: place.channel + 1 };
    const leaves = isLast && place.query !== "cls" ? text("caption.map", names) : text("caption.leaves", names);
    const { channel } = place;
    return {
      marks: place.query === "cls" ? [] : [{ frame: cellFrame(stage.tokens, place.query), kind: "this" }],
      beside: [text("beside.block", names)],
      body: [
        step(scene, 1, "way", wayTable(scene, layer, way)),
        step(
          scene,
          2,
          "number",
          equation(
            number("enters", way.entering[channel], text("caption.enters", names)),
            "+",
            number("attention", way.attention[channel], text("caption.attention")),
            "+",
            number("mlp", way.mlp[channel], text("caption.mlp")),
            "=",
            number("result", way.leaving[channel], leaves, { result: true }),
          ),
          bars(scene, way.leaving, channel, text("bars", { count: stage.channels }), (index) =>
            change({ channel: index + 1 }),
          ),
        ),
        step(scene, 3, "added", added(scene, token)),
        step(scene, 4, "activation", ...activation(scene, way)),
      ],
    };
  },
};

/**
 * Every station of the block: how many numbers there are, the chosen one, and the length of all of them.
 * @param {Scene} scene
 * @param {Layer} layer
 * @param {ReturnType<Layer["through"]>} way
 */
function wayTable({ text, place }, layer, way) {
  const { channels, heads, hidden } = layer.stage;
  const sizes = {
    channels,
    heads,
    hidden,
    size: layer.size,
    keys: layer.keys,
    queries: cells(layer.stage.tokens) + layer.cls,
  };
  /** @type {[string, ArrayLike<number>, boolean][]} */
  const stations = [
    ["enters", way.entering, true],
    ["norm", way.first.result, true],
    ["fetch", way.context, true],
    ["attention", way.attention, true],
    ["middle", way.middle, true],
    ["norm again", way.second.result, true],
    ["hidden", way.active, false],
    ["mlp", way.mlp, true],
    ["leaves", way.leaving, true],
  ];
  const reach = Math.max(...stations.map(([, values]) => norm(values)));
  const column = (/** @type {string} */ name) =>
    make("th", { scope: "col" }, text(`column.${name}`, { channel: place.channel + 1 }));
  const rows = stations.map(([name, values, hasChannel]) => {
    const length = norm(values);
    const isSum = ["middle", "leaves"].includes(name);
    return make(
      "tr",
      { "data-station": name, class: isSum && "total" },
      make("th", { scope: "row" }, text(`station.${name}`, sizes)),
      make("td", {}, String(values.length)),
      hasChannel
        ? make("td", { "data-value": values[place.channel] }, shown(values[place.channel]))
        : make("td", {}, "–"),
      make("td", { "data-length": length }, shown(length, 2)),
      make("td", { class: "length" }, make("i", { style: `width:${(100 * length) / reach}%` })),
    );
  });
  const head = make("tr", {}, ...["station", "numbers", "channel", "length"].map(column), make("td"));
  return make(
    "div",
    { class: "scrolling", tabindex: 0, role: "region", "aria-label": text("step.block.way") },
    make("table", { class: "stations" }, make("thead", {}, head), make("tbody", {}, ...rows)),
    make("p", { class: "remark" }, text("sizes", sizes)),
  );
}

/**
 * How much attention and MLP of each block of the stage add to this token: the lengths of what they add.
 * @param {Scene} scene
 * @param {number} token
 */
function added({ text, place, piece, change }, token) {
  const { shape, values } = piece(`stages.${place.stage}.added`).added;
  const [blocks, parts, tokens] = shape;
  const at = (/** @type {number} */ block, /** @type {number} */ part) =>
    values[(block * parts + part) * tokens + token];
  const all = Array.from({ length: blocks }, (_, index) => [at(index, 0), at(index, 1)]);
  const reach = Math.max(...all.flat());
  const bar = (/** @type {string} */ kind, /** @type {number} */ length) =>
    make(
      "span",
      { class: `track ${kind}` },
      make("i", { style: `width:${(100 * length) / reach}%` }),
      make("b", { "data-added": kind, "data-value": length }, shown(length, 2)),
    );
  const rows = all.map(([attention, mlp], index) => {
    const isHere = index === place.block;
    const name = text("block name", { block: index + 1 });
    const open = make(
      "button",
      { type: "button", "data-keep": `block ${index}`, "aria-pressed": String(isHere) },
      name,
    );
    open.addEventListener("click", () => change({ block: index + 1 }));
    return make("li", {}, open, make("div", {}, bar("attention", attention), bar("mlp", mlp)));
  });
  const legend = make(
    "p",
    { class: "remark" },
    ...["attention", "mlp"].map((kind) => make("span", { class: `legend ${kind}` }, text(`caption.${kind}`))),
    text("added"),
  );
  return make("div", {}, make("ol", { class: "added" }, ...rows), legend);
}

/**
 * GELU and QuickGELU, and where this token's hidden numbers lie on the one that the model has.
 * @param {Scene} scene
 * @param {ReturnType<Layer["through"]>} way
 */
function activation({ value, text }, { hidden, active }) {
  const strong = strongest(active, 1)[0];
  const { left, right, low, high } = FRAME;
  const curve = (/** @type {(x: number) => number} */ f) =>
    Array.from({ length: 161 }, (_, i) => {
      const x = left + (i / 160) * (right - left);
      return `${i ? "L" : "M"}${x.toFixed(3)} ${(-f(x)).toFixed(4)}`;
    }).join("");
  const own = value.activation;
  const other = own === "gelu" ? "quick_gelu" : "gelu";
  const names = { own: NAMES[own], other: NAMES[other] };
  const seen = Array.from(hidden.keys()).filter((i) => hidden[i] >= left && hidden[i] <= right);
  const picture = makeSvg(
    "svg",
    {
      class: "curves-of",
      viewBox: `${left} ${-high} ${right - left} ${high - low}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": text("activation.alt", names),
    },
    makeSvg("path", { class: "axis", d: `M${left} 0H${right}M0 ${-high}V${-low}` }),
    ...seen.map((i) => makeSvg("line", { class: "rug", x1: hidden[i], x2: hidden[i], y1: 0.2, y2: 0.25 })),
    makeSvg("path", { class: "other", d: curve(ACTIVATIONS[other]) }),
    makeSvg("path", { class: "own", d: curve(ACTIVATIONS[own]) }),
  );
  return [
    make(
      "div",
      { class: "activations" },
      make("figure", {}, picture, make("figcaption", {}, text("activation", names))),
    ),
    equation(
      number("hidden", hidden[strong], text("caption.hidden", { unit: strong + 1, count: hidden.length })),
      "→",
      number("active", active[strong], names.own),
      text("instead"),
      number("other active", ACTIVATIONS[other](hidden[strong]), names.other),
    ),
  ];
}
