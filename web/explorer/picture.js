/* What is on the page as one picture to be saved, with its words and its scale below. */

import { paint } from "../shared/colour.js";
import { make } from "../shared/dom.js";
import { cropBox, mapBox } from "../shared/geometry.js";
import { drawScale } from "./legend.js";

/** @import { Box, Crop, DrawnMap, Scale } from "../types.js" */
/** @import { LegendText } from "./legend.js" */

/** @typedef {{ map: DrawnMap | null, caption: string, boxes: [string, Box][] }} PanelPicture */

/**
 * @typedef {object} Look What the panels have in common.
 * @property {Crop} crop
 * @property {Box} view the part of the photo that is shown
 * @property {number} columns
 * @property {Uint32Array} palette
 * @property {Scale | null} scale
 * @property {number} opacity
 * @property {string[]} title what it is, in the order to be told
 * @property {string} credit whose photo it is
 * @property {LegendText} legend
 */

const LARGEST = 16000; // pixels on a side, and in all, that every browser's canvas holds
const AREA = 6e7;

/**
 * A photo's pixel to a pixel; small photos are enlarged until words fit.
 * @param {ImageBitmap} photo
 * @param {PanelPicture[]} panels
 * @param {Look} look
 */
export function composePicture(photo, panels, look) {
  const { view, columns } = look;
  const { width, height } = view;
  const rows = Math.ceil(panels.length / columns);
  const [across, down] = [width * columns, height * rows];
  const readable = Math.max(1, Math.ceil(960 / across));
  const factor = Math.min(readable, LARGEST / across, LARGEST / down, Math.sqrt(AREA / (across * down)));
  const letter = Math.max(10, (across * factor) / 64);
  const captions = panels.length > 1 ? 2 * letter : 0;
  const canvas = make("canvas", { width: Math.round(across * factor) });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const words = wrapWords(context, look, canvas.width - letter, letter);
  const lines = 1.4 * (words.title.length + words.scale.length + words.credit.length);
  canvas.height = Math.round((height * factor + captions) * rows + (lines + 3.4) * letter);
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.textBaseline = "middle";
  panels.forEach((panel, index) => {
    const x = (index % columns) * width * factor;
    const y = Math.floor(index / columns) * (height * factor + captions);
    context.save();
    context.translate(x, y);
    context.scale(factor, factor);
    context.beginPath();
    context.rect(0, 0, width, height);
    context.clip();
    context.translate(-view.left, -view.top);
    composePanel(context, photo, panel, look, letter / factor);
    context.restore();
    write(context, panel.caption, x + letter / 2, y + height * factor + captions / 2, letter);
  });
  composeLegend(context, (height * factor + captions) * rows, letter, look, words);
  return canvas;
}

/** @typedef {{ title: string[], scale: string[], credit: string[] }} Lines */

/**
 * Everything that is said below the panels, on lines that fit.
 * @param {CanvasRenderingContext2D} context
 * @param {Look} look
 * @param {number} width
 * @param {number} letter
 * @returns {Lines}
 */
function wrapWords(context, { title, legend, credit }, width, letter) {
  const wrap = (/** @type {string[]} */ parts, /** @type {string} */ between, /** @type {number} */ size) => {
    context.font = `${size}px system-ui, sans-serif`;
    return wrapped(parts, between, (line) => context.measureText(line).width <= width);
  };
  return {
    title: wrap(title, " · ", letter),
    scale: wrap(legend.name.split(" "), " ", 0.8 * letter),
    credit: wrap(credit.split(" "), " ", 0.8 * letter),
  };
}

/**
 * Parts on as few lines as fit; one that is too long by itself is broken anywhere.
 * @param {string[]} parts
 * @param {string} between
 * @param {(line: string) => boolean} fits
 */
export function wrapped(parts, between, fits) {
  /** @type {string[]} */
  const lines = [];
  for (const part of parts.filter(Boolean)) {
    const last = lines.at(-1);
    if (last !== undefined && fits(last + between + part)) {
      lines[lines.length - 1] = last + between + part;
      continue;
    }
    lines.push("");
    for (const character of part) {
      const line = lines[lines.length - 1];
      if (line && !fits(line + character)) lines.push(character);
      else lines[lines.length - 1] = line + character;
    }
  }
  return lines;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {ImageBitmap} photo
 * @param {PanelPicture} panel
 * @param {Look} look
 * @param {number} letter
 */
function composePanel(context, photo, { map, boxes }, look, letter) {
  const [height, width] = look.crop.photo;
  const seen = cropBox(look.crop);
  context.imageSmoothingQuality = "high";
  context.drawImage(photo, 0, 0, width, height);
  context.fillStyle = "rgb(0 0 0 / 50%)";
  context.beginPath();
  context.rect(0, 0, width, height);
  context.rect(seen.left, seen.top, seen.width, seen.height);
  context.fill("evenodd");
  if (map) composeMap(context, map, look);
  for (const [kind, box] of boxes) {
    for (const [style, thickness] of /** @type {[string, number][]} */ ([
      ["#000000", 0.36],
      ["#ffffff", 0.18],
    ])) {
      context.strokeStyle = style;
      context.lineWidth = thickness * letter;
      context.setLineDash(kind === "field" ? [letter / 2, letter / 2] : []);
      context.strokeRect(box.left, box.top, box.width, box.height);
    }
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {DrawnMap} map
 * @param {Look} look
 */
function composeMap(context, map, { crop, palette, scale, opacity }) {
  const { rows, columns } = map.grid;
  const { low, high } = scale ?? { low: 0, high: 1 };
  const small = new OffscreenCanvas(columns + 2, rows + 2);
  const inner = /** @type {OffscreenCanvasRenderingContext2D} */ (small.getContext("2d"));
  const image = inner.createImageData(columns + 2, rows + 2);
  paint(map.values, rows, columns, palette, low, high, new Uint32Array(image.data.buffer));
  inner.putImageData(image, 0, 0);
  const [box, seen] = [mapBox(crop, map.grid), cropBox(crop)];
  context.save();
  context.beginPath();
  context.rect(seen.left, seen.top, seen.width, seen.height);
  context.clip();
  context.globalAlpha = opacity;
  context.imageSmoothingEnabled = false;
  context.drawImage(small, box.left, box.top, box.width, box.height);
  context.restore();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} top
 * @param {number} letter
 * @param {Look} look
 * @param {Lines} lines
 */
function composeLegend(context, top, letter, { legend, palette }, { title, scale, credit }) {
  const { width } = context.canvas;
  let y = top + 0.2 * letter;
  const say = (/** @type {string[]} */ lines, /** @type {number} */ size) => {
    for (const line of lines) write(context, line, letter / 2, (y += 1.4 * letter) - 0.6 * letter, size);
  };
  say(title, letter);
  const strip = make("canvas", { width: 256, height: 1 });
  drawScale(strip, palette);
  const long = width - letter;
  context.drawImage(strip, letter / 2, y + 0.3 * letter, long, 0.9 * letter);
  for (const { text, at } of legend.ticks) {
    const x = letter / 2 + at * long;
    const tick = Math.min(x, width - letter / 2 - 1);
    context.fillRect(tick, y + 1.2 * letter, Math.max(1, letter / 10), letter / 3);
    context.textAlign = at < 0.05 ? "left" : at > 0.95 ? "right" : "center";
    write(context, text, x, y + 2.1 * letter, 0.8 * letter);
  }
  context.textAlign = "left";
  y += 2.7 * letter;
  say(scale, 0.8 * letter);
  say(credit, 0.8 * letter);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} text
 * @param {number} x
 * @param {number} y
 * @param {number} size
 */
function write(context, text, x, y, size) {
  context.fillStyle = "#1f2328";
  context.font = `${size}px system-ui, sans-serif`;
  context.fillText(text, x, y);
}
