/* Numbers on the page: large ones with what they are called, and grids of small ones in colour. */

import { limits, paletteFor, paletteIndex } from "../../shared/colour.js";
import { make } from "../../shared/dom.js";
import { withTerms } from "../../shared/glossary.js";

/** @import { Kind, Scale, Theme } from "../../types.js" */
/** @import { Scene } from "../types.js" */

/**
 * A number as people read it: a fixed count of decimals, a true minus, and no minus before zero.
 * @param {number} value
 * @param {number} [decimals]
 */
export function shown(value, decimals = 3) {
  const text = value.toFixed(decimals);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

/**
 * A large count with its thousands apart.
 * @param {number} value
 */
export function counted(value) {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/**
 * A number with what it is called below it; `data-value` has it in full.
 * @param {string} name for scripts
 * @param {number} value
 * @param {string} caption
 * @param {{ decimals?: number, result?: boolean }} [look]
 */
export function number(name, value, caption, { decimals = 3, result = false } = {}) {
  return make(
    "span",
    { class: result ? "number result" : "number" },
    make("b", { "data-name": name, "data-value": value }, shown(value, decimals)),
    make("small", {}, caption),
  );
}

/**
 * Numbers and signs in one line that breaks where it must.
 * @param {...(Node | string)} parts
 */
export function equation(...parts) {
  const nodes = parts.map((part) => (typeof part === "string" ? make("span", { class: "sign" }, part) : part));
  return make("p", { class: "equation" }, ...nodes);
}

/** A cell outside the map: what is written there, and in which style. @type {[string, string]} */
const BORDER = ["0", "background:repeating-linear-gradient(45deg,#8886 0 2px,transparent 2px 5px)"];

/**
 * A colour of a palette, and the ink that is read on it.
 * @param {Uint32Array} palette
 * @param {number} value
 * @param {Scale} scale
 */
function colourOf(palette, value, { low, high }) {
  const word = palette[paletteIndex(value, low, high)];
  return onColour(word & 255, (word >> 8) & 255, (word >> 16) & 255);
}

/**
 * @param {number} red
 * @param {number} green
 * @param {number} blue
 */
function onColour(red, green, blue) {
  const [r, g, b] = [red, green, blue].map((byte) => {
    const part = byte / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  const light = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return `background:rgb(${red} ${green} ${blue});color:${light > 0.179 ? "#000" : "#fff"}`;
}

/**
 * The scale that signed numbers share.
 * @param {Theme} theme
 * @param {ArrayLike<number>[]} groups
 */
export function signedScale(theme, groups) {
  return limits(
    theme.colours.diverging,
    groups.map((group) => Array.from(group)),
  );
}

/**
 * Where grids of numbers get their colours from.
 * @typedef {object} Colours
 * @property {Theme} theme
 * @property {Scale} scale
 * @property {Kind} [kind]
 * @property {(index: number) => boolean} [isBorder] which cells lie outside the map
 */

/**
 * A square of numbers in colour. Cells with one number (`data-cell`) belong together, in whatever grid they are.
 * @param {ArrayLike<number>} values
 * @param {string} label
 * @param {Colours | ((value: number, index: number) => [string, string])} colours or what is written in which style
 * @param {{ first?: number | null, columns?: number, walked?: boolean, decimals?: number, name?: string }} [options] `first`
 *   cell's number, null where cells belong to nothing; `walked`: whether arrow keys walk here
 */
export function cellGrid(values, label, colours, options = {}) {
  const { first = 0, columns = Math.sqrt(values.length), walked = false, decimals = 2, name = "" } = options;
  const write = typeof colours === "function" ? colours : writer(colours, decimals);
  const attributes = { class: "cells", style: `--columns:${columns}`, "aria-label": label, "data-name": name };
  /** @type {Record<string, string | number>} */
  const role = walked ? { role: "application", tabindex: 0, "data-columns": columns } : { role: "img" };
  return make(
    "div",
    { ...attributes, ...role },
    ...Array.from(values, (value, index) => {
      const [text, style] = write(value, index);
      return make("span", { "data-cell": first !== null && first + index, "data-value": value, style }, text);
    }),
  );
}

/**
 * @param {Colours} colours
 * @param {number} decimals
 * @returns {(value: number, index: number) => [string, string]}
 */
function writer({ theme, scale, kind = "diverging", isBorder = () => false }, decimals) {
  const palette = paletteFor(theme, kind);
  return (value, index) => (isBorder(index) ? BORDER : [shown(value, decimals), colourOf(palette, value, scale)]);
}

/**
 * A byte of one of the three colours: as bright as it is, and so coloured.
 * @param {number} colour 0 red, 1 green, 2 blue
 * @param {(index: number) => boolean} isBorder
 * @returns {(value: number, index: number) => [string, string]}
 */
export function byteWriter(colour, isBorder) {
  return (byte, index) => {
    if (isBorder(index)) return BORDER;
    const parts = [0, 0, 0].map((_, i) => (i === colour ? byte : 0));
    return [String(byte), onColour(parts[0], parts[1], parts[2])];
  };
}

/**
 * One step on the way to a number, under its title.
 * @param {Scene} scene
 * @param {number} count from 1
 * @param {string} name
 * @param {...(Node | string)} inside
 */
export function step({ text, place }, count, name, ...inside) {
  const told = withTerms(text, text(`step.${place.kind}.${name}`));
  const title = make("h3", {}, make("span", { class: "sign" }, String(count)), make("span", {}, ...told));
  return make("section", { class: "step", "data-part": name }, title, ...inside);
}
