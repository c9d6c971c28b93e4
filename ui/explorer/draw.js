/* Drawing: panels on the page, the colour scale, and pictures to be saved. Numbers come in finished. */

import { cells, cropBox, decodePalette, mapBox, paint, windowOf } from "./pure.js";

const LARGEST = 16000; // pixels on a side, and in all, that every browser's canvas holds
const AREA = 6e7;
const palettes = new Map();
const SVG = "http://www.w3.org/2000/svg";

export function palette(name) {
  if (!palettes.has(name)) palettes.set(name, decodePalette(PALETTES[name]));
  return palettes.get(name);
}

function make(parent, tag, className) {
  const node = document.createElement(tag);
  node.className = className;
  return parent.appendChild(node);
}

function shape(parent, tag, className) {
  const node = document.createElementNS(SVG, tag);
  node.setAttribute("class", className);
  return parent.appendChild(node);
}

function layer(parent, className, view) {
  const svg = shape(parent, "svg", className);
  svg.setAttribute("viewBox", `${view.left} ${view.top} ${view.width} ${view.height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  return svg;
}

function setBox(node, box) {
  node.setAttribute("visibility", box ? "visible" : "hidden");
  if (!box) return;
  for (const [name, value] of [["x", box.left], ["y", box.top], ["width", box.width], ["height", box.height]]) {
    node.setAttribute(name, value.toFixed(2));
  }
}

/** One photo with a map and marks on it. The map's canvas has one pixel per cell; the browser scales it.

    `view` is the part of the photo that is shown, all positions below are in photo pixels. */
export class Panel {
  constructor(parent, crop, view) {
    this.crop = crop;
    this.view = view;
    this.figure = make(parent, "figure", "panel");
    this.picture = make(this.figure, "div", "picture");
    this.photo = make(this.picture, "canvas", "photo");
    this.seen = make(this.picture, "div", "seen");
    this.map = make(this.seen, "canvas", "map");
    this.caption = make(this.figure, "figcaption", "caption");
    this.picture.setAttribute("role", "img");
    this.picture.style.aspectRatio = `${view.width} / ${view.height}`;
    const [height, width] = crop.photo;
    const seen = cropBox(crop);
    place(this.photo, { top: 0, left: 0, height, width }, view);
    place(this.seen, seen, view);
    const grid = layer(this.picture, "grid", view);
    this.marks = layer(this.picture, "marks", view);
    const veil = shape(grid, "path", "veil");
    veil.setAttribute("d", `M0 0H${width}V${height}H0Z M${seen.left} ${seen.top}v${seen.height}h${seen.width}v${-seen.height}Z`);
    this.lines = shape(grid, "path", "lines");
    this.boxes = new Map();
    this.drawn = null;
  }

  /** Draw the photo as large as the panel is on this screen. */
  drawPhoto(bitmap) {
    const width = Math.min(bitmap.width, Math.ceil(this.photo.clientWidth * devicePixelRatio)) || 1;
    if (this.photo.width === width && this.bitmap === bitmap) return;
    this.bitmap = bitmap;
    this.photo.width = width;
    this.photo.height = Math.max(1, Math.round((width * bitmap.height) / bitmap.width));
    const context = this.photo.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, this.photo.width, this.photo.height);
  }

  /** Thin lines between the tokens of a grid, within what the model sees. */
  drawGrid(grid) {
    const seen = cropBox(this.crop);
    const first = windowOf(this.crop, grid, [0, 0], grid.stride);
    let path = "";
    for (let row = 1; row < grid.rows; row++) path += `M${seen.left} ${first.top + row * first.height}h${seen.width}`;
    for (let column = 1; column < grid.columns; column++) path += `M${first.left + column * first.width} ${seen.top}v${seen.height}`;
    this.lines.setAttribute("d", path);
    this.lines.setAttribute("class", cells(grid) > 1000 ? "lines fine" : "lines");
  }

  /** Colour the cells of a map; null draws none. */
  drawMap(map, colours, scale) {
    this.map.hidden = !map;
    if (!map) return;
    const { rows, columns } = map.grid;
    if (this.map.width !== columns + 2 || this.map.height !== rows + 2) {
      this.map.width = columns + 2;
      this.map.height = rows + 2;
      this.image = null;
    }
    if (this.placed !== map.grid) {
      place(this.map, mapBox(this.crop, map.grid), cropBox(this.crop));
      this.placed = map.grid;
    }
    const context = this.map.getContext("2d");
    this.image ??= context.createImageData(columns + 2, rows + 2);
    paint(map.values, rows, columns, palette(colours), scale.low, scale.high, new Uint32Array(this.image.data.buffer));
    context.putImageData(this.image, 0, 0);
  }

  /** Show a named mark around a box, or hide it. */
  mark(name, box) {
    if (!this.boxes.has(name)) {
      if (!box) return;
      this.boxes.set(name, [shape(this.marks, "rect", `halo ${name}`), shape(this.marks, "rect", name)]);
    }
    for (const node of this.boxes.get(name)) setBox(node, box);
  }
}

/** Put a node at a box of the photo, inside a parent that covers another box, in percent of it. */
function place(node, box, parent) {
  node.style.left = `${((box.left - parent.left) / parent.width) * 100}%`;
  node.style.top = `${((box.top - parent.top) / parent.height) * 100}%`;
  node.style.width = `${(box.width / parent.width) * 100}%`;
  node.style.height = `${(box.height / parent.height) * 100}%`;
}

/** A palette as a strip of 256 pixels. */
export function drawScale(canvas, name) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(256, 1);
  new Uint32Array(image.data.buffer).set(palette(name));
  context.putImageData(image, 0, 0);
}

/** What is on the page as one picture, a photo's pixel to a pixel, with its words and its scale below.

    `panels` are { map, colours, scale, boxes: [[kind, box]], caption }; small photos are enlarged until words fit. */
export function composePicture(photo, crop, view, panels, columns, { title, legend, opacity, colours }) {
  const { width, height } = view;
  const rows = Math.ceil(panels.length / columns);
  const [across, down] = [width * columns, height * rows];
  const factor = Math.min(Math.max(1, Math.ceil(960 / across)), LARGEST / across, LARGEST / down, Math.sqrt(AREA / (across * down)));
  const letter = Math.max(10, (across * factor) / 64);
  const captions = panels.length > 1 ? 2 * letter : 0;
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(across * factor);
  canvas.height = Math.round((height * factor + captions) * rows + 5.5 * letter);
  const context = canvas.getContext("2d");
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.textBaseline = "middle";
  panels.forEach((panel, index) => {
    const [x, y] = [(index % columns) * width * factor, Math.floor(index / columns) * (height * factor + captions)];
    context.save();
    context.translate(x, y);
    context.scale(factor, factor);
    context.beginPath();
    context.rect(0, 0, width, height);
    context.clip();
    context.translate(-view.left, -view.top);
    composePanel(context, photo, crop, panel, opacity, letter / factor);
    context.restore();
    write(context, panel.caption, x + letter / 2, y + height * factor + captions / 2, letter);
  });
  composeLegend(context, canvas, letter, title, legend, colours);
  return canvas;
}

function composePanel(context, photo, crop, { map, colours, scale, boxes }, opacity, letter) {
  const [height, width] = crop.photo;
  const seen = cropBox(crop);
  context.imageSmoothingQuality = "high";
  context.drawImage(photo, 0, 0, width, height);
  context.fillStyle = "rgb(0 0 0 / 50%)";
  context.beginPath();
  context.rect(0, 0, width, height);
  context.rect(seen.left, seen.top, seen.width, seen.height);
  context.fill("evenodd");
  if (map) {
    const { rows, columns } = map.grid;
    const small = new OffscreenCanvas(columns + 2, rows + 2);
    const words = paint(map.values, rows, columns, palette(colours), scale.low, scale.high);
    small.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(words.buffer), columns + 2, rows + 2), 0, 0);
    const box = mapBox(crop, map.grid);
    context.save();
    context.beginPath();
    context.rect(seen.left, seen.top, seen.width, seen.height);
    context.clip();
    context.globalAlpha = opacity;
    context.imageSmoothingEnabled = false;
    context.drawImage(small, box.left, box.top, box.width, box.height);
    context.restore();
  }
  for (const [kind, box] of boxes) {
    for (const [style, thickness] of [["#000000", 0.36], ["#ffffff", 0.18]]) {
      context.strokeStyle = style;
      context.lineWidth = thickness * letter;
      context.setLineDash(kind === "field" ? [letter / 2, letter / 2] : []);
      context.strokeRect(box.left, box.top, box.width, box.height);
    }
  }
}

function composeLegend(context, canvas, letter, title, legend, colours) {
  const top = canvas.height - 5.5 * letter;
  write(context, title, letter / 2, top + letter, letter);
  const strip = document.createElement("canvas");
  [strip.width, strip.height] = [256, 1];
  drawScale(strip, colours);
  const width = canvas.width - letter;
  context.drawImage(strip, letter / 2, top + 2 * letter, width, 0.9 * letter);
  for (const { text, at } of legend.ticks) {
    const x = letter / 2 + at * width;
    context.fillRect(Math.min(x, canvas.width - letter / 2 - 1), top + 2.9 * letter, Math.max(1, letter / 10), letter / 3);
    context.textAlign = at < 0.05 ? "left" : at > 0.95 ? "right" : "center";
    write(context, text, x, top + 3.8 * letter, 0.8 * letter);
  }
  context.textAlign = "left";
  write(context, legend.name, letter / 2, top + 4.9 * letter, 0.8 * letter);
}

function write(context, text, x, y, size) {
  context.fillStyle = "#1f2328";
  context.font = `${size}px system-ui, sans-serif`;
  context.fillText(text ?? "", x, y);
}
