/* What can be set of a change: few controls, and never those of another one. */

import { make, setText } from "../shared/dom.js";
import { SHAPES, WAYS } from "./setups.js";

/** @import { Words } from "../types.js" */
/** @import { LaboratoryValue, Setup, Wish } from "./types.js" */

const ARROWS = { left: "←", up: "↑", down: "↓", right: "→" };

/**
 * @typedef {object} Setting What the controls of a change are made with.
 * @property {Words} text
 * @property {LaboratoryValue} value
 * @property {Setup} setup
 * @property {(wish: Wish) => void} change
 * @property {(wish: Wish) => void} slide while a slider is being moved
 */

/**
 * @param {Setting} setting
 * @returns {HTMLElement[]}
 */
export function settingsOf(setting) {
  const { text, value, setup, change } = setting;
  switch (setup.change) {
    case "shift":
      return [ways(setting), slider(setting, "by", 0, value.most_shift, 1), steps(setting)];
    case "size":
      return [slider(setting, "longest", value.least, value.most, 8), select(setting, "shape", named(setting, SHAPES))];
    case "flip":
      return [choice(setting, "over", ["vertical", "horizontal"], setup.over)];
    case "shuffle": {
      const again = make("button", { type: "button" }, text("again"));
      again.addEventListener("click", () => change({ seed: setup.seed + 1 }));
      const sides = value.pieces.map((count) => /** @type {[number, string]} */ ([count, `${count} × ${count}`]));
      return [select(setting, "pieces", sides), again];
    }
    case "convolution":
      return [choice(setting, "to", ["identity", "mean"], setup.convolution)];
    case "activation":
      return [choice(setting, "to", value.activations, setup.activation)];
    case "head":
    case "block": {
      const { stages } = value;
      const room = stages[setup.stage - 1];
      const all = [select(setting, "stage", counted(stages.length)), select(setting, "block", counted(room.blocks))];
      return setup.change === "head" ? [...all, select(setting, "head", counted(room.heads))] : all;
    }
    default:
      return [];
  }
}

/** @param {number} count */
function counted(count) {
  return Array.from({ length: count }, (_, i) => /** @type {[number, string]} */ ([i + 1, `${i + 1} / ${count}`]));
}

/**
 * @param {Setting} setting
 * @param {readonly string[]} names
 */
function named({ text }, names) {
  return names.map((name) => /** @type {[string, string]} */ ([name, text(`option.${name}`)]));
}

/**
 * Buttons of which one is pressed.
 * @param {Setting} setting
 * @param {keyof Wish} name
 * @param {string[]} values
 * @param {string} chosen
 */
function choice(setting, name, values, chosen) {
  const { text, change } = setting;
  const buttons = values.map((value) => {
    const pressed = String(value === chosen);
    const node = make(
      "button",
      { type: "button", "aria-pressed": pressed, "data-keep": value },
      text(`option.${value}`),
    );
    node.addEventListener("click", () => change({ [name]: value }));
    return node;
  });
  return make("div", { class: "choice", role: "group", "aria-label": text("settings") }, ...buttons);
}

/** @param {Setting} setting */
function ways({ text, setup, change }) {
  const buttons = WAYS.map((way) => {
    const attributes = { type: "button", class: "way", "aria-label": text(`way.${way}`), title: text(`way.${way}`) };
    const pressed = String(way === setup.way);
    const node = make("button", { ...attributes, "aria-pressed": pressed, "data-keep": way }, ARROWS[way]);
    node.addEventListener("click", () => change({ way }));
    return node;
  });
  return make("div", { class: "choice", role: "group", "aria-label": text("ways") }, ...buttons);
}

/**
 * One step of each stage, which moves its tokens by one place.
 * @param {Setting} setting
 */
function steps({ text, value, setup, change }) {
  const fitting = value.stages.flatMap(({ step }, index) => (step <= value.most_shift ? [{ step, index }] : []));
  const buttons = fitting.map(({ step, index }) => {
    const pressed = String(setup.by === step);
    const words = text("one step", { step, stage: index + 1 });
    const node = make("button", { type: "button", "aria-pressed": pressed, "data-keep": `step${index}` }, words);
    node.addEventListener("click", () => change({ by: step }));
    return node;
  });
  return make("div", { class: "choice", role: "group", "aria-label": text("steps") }, ...buttons);
}

/**
 * @param {Setting} setting
 * @param {"by" | "longest"} name
 * @param {number} least
 * @param {number} most
 * @param {number} step
 */
function slider({ text, setup, change, slide }, name, least, most, step) {
  const range = { type: "range", name: `laboratory-${name}`, min: least, max: most, step, value: setup[name] };
  const input = make("input", { ...range, "data-keep": name });
  const output = make("output", {}, text("pixels", { count: setup[name] }));
  input.addEventListener("input", () => {
    setText(output, text("pixels", { count: input.value }));
    slide({ [name]: input.value });
  });
  input.addEventListener("change", () => change({ [name]: input.value }));
  return make("label", { class: "slider" }, make("span", {}, text(`set.${name}`)), input, output);
}

/**
 * @param {Setting} setting
 * @param {"shape" | "pieces" | "stage" | "block" | "head"} name
 * @param {[string | number, string][]} options
 */
function select({ text, setup, change }, name, options) {
  const node = make(
    "select",
    { name: `laboratory-${name}`, "data-keep": name },
    ...options.map(([value, words]) => make("option", { value, selected: value === setup[name] }, words)),
  );
  node.addEventListener("change", () => change({ [name]: node.value }));
  return make("label", {}, make("span", {}, text(`set.${name}`)), node);
}
