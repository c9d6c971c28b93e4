/* One photo with a map and marks on it. Numbers come in finished. */

import { paint } from "../shared/colour.js";
import { make, makeSvg, setText } from "../shared/dom.js";
import { bestColumns, cells, cropBox, mapBox, windowOf } from "../shared/geometry.js";

/** @import { Box, Crop, DrawnMap, Grid, Scale } from "../types.js" */

/** The map's canvas has one pixel per cell, and the browser scales it. All positions are in photo pixels. */
export class Panel {
  /**
   * @param {HTMLElement} parent
   * @param {Crop} crop
   * @param {Box} view the part of the photo that is shown
   * @param {string} name for ears, until there is more to say
   */
  constructor(parent, crop, view, name) {
    this.crop = crop;
    this.view = view;
    const [height, width] = crop.photo;
    const seen = cropBox(crop);
    this.photo = make("canvas", { class: "photo" });
    this.map = make("canvas", { class: "map" });
    this.seen = make("div", { class: "seen" }, this.map);
    this.lines = makeSvg("path", { class: "lines" });
    const outside = `M${seen.left} ${seen.top}v${seen.height}h${seen.width}v${-seen.height}Z`;
    const veil = makeSvg("path", { class: "veil", d: `M0 0H${width}V${height}H0Z ${outside}` });
    this.marks = layer("marks", view);
    const grid = layer("grid", view, veil, this.lines);
    this.picture = make(
      "div",
      { class: "picture", role: "img", "aria-label": name },
      this.photo,
      this.seen,
      grid,
      this.marks,
    );
    this.caption = make("figcaption", { class: "caption" });
    this.picture.style.aspectRatio = `${view.width} / ${view.height}`;
    place(this.photo, { top: 0, left: 0, height, width }, view);
    place(this.seen, seen, view);
    parent.append(make("figure", { class: "panel" }, this.picture, this.caption));
    /** @type {Map<string, { lines: SVGRectElement[], label: HTMLElement }>} */
    this.boxes = new Map();
    /** @type {string | null} what the map that is drawn depends on */
    this.drawn = null;
    /** @type {DrawnMap | null} */
    this.shows = null;
    /** @type {ImageData | null} */
    this.image = null;
    /** @type {Grid | null} */
    this.placed = null;
    /** @type {ImageBitmap | null} */
    this.bitmap = null;
  }

  /**
   * Draw the photo as large as the panel is on this screen.
   * @param {ImageBitmap} bitmap
   */
  drawPhoto(bitmap) {
    const width = Math.min(bitmap.width, Math.ceil(this.photo.clientWidth * devicePixelRatio)) || 1;
    if (this.photo.width === width && this.bitmap === bitmap) return;
    this.bitmap = bitmap;
    this.photo.width = width;
    this.photo.height = Math.max(1, Math.round((width * bitmap.height) / bitmap.width));
    const context = /** @type {CanvasRenderingContext2D} */ (this.photo.getContext("2d"));
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, this.photo.width, this.photo.height);
  }

  /**
   * Thin lines between the tokens of a grid, within what the model sees.
   * @param {Grid} grid
   */
  drawGrid(grid) {
    const seen = cropBox(this.crop);
    const first = windowOf(this.crop, grid, [0, 0], grid.stride);
    let path = "";
    for (let row = 1; row < grid.rows; row++) path += `M${seen.left} ${first.top + row * first.height}h${seen.width}`;
    for (let column = 1; column < grid.columns; column++) {
      path += `M${first.left + column * first.width} ${seen.top}v${seen.height}`;
    }
    this.lines.setAttribute("d", path);
    this.lines.setAttribute("class", cells(grid) > 1000 ? "lines fine" : "lines");
  }

  /**
   * Colour the cells of a map; null draws none.
   * @param {DrawnMap | null} map
   * @param {Uint32Array} palette
   * @param {Scale} scale
   */
  drawMap(map, palette, scale) {
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
    const context = /** @type {CanvasRenderingContext2D} */ (this.map.getContext("2d"));
    this.image ??= context.createImageData(columns + 2, rows + 2);
    paint(map.values, rows, columns, palette, scale.low, scale.high, new Uint32Array(this.image.data.buffer));
    context.putImageData(this.image, 0, 0);
  }

  /** Draw no map, and know of none. */
  forgetMap() {
    this.map.hidden = true;
    this.drawn = null;
  }

  /**
   * Show a named mark around a box, and words in its corner, or hide it.
   * @param {string} name
   * @param {Box | null} box
   * @param {string} [words]
   */
  mark(name, box, words = "") {
    let found = this.boxes.get(name);
    if (!found) {
      if (!box) return;
      found = {
        lines: [makeSvg("rect", { class: `halo ${name}` }), makeSvg("rect", { class: name })],
        label: make("span", { class: `label ${name}`, hidden: true }),
      };
      this.marks.append(...found.lines);
      this.picture.append(found.label);
      this.boxes.set(name, found);
    }
    for (const line of found.lines) setBox(line, box);
    found.label.hidden = !box || !words;
    if (!box || !words) return;
    setText(found.label, words);
    place(found.label, overlap(box, this.view), this.view);
    const { top, left, height, width } = this.view;
    const room = 0.08 * height; // for a line
    found.label.classList.toggle("above", box.top - top > room);
    found.label.classList.toggle("below", top + height - box.top - box.height > room);
    found.label.classList.toggle("right", box.left + box.width / 2 > left + width / 2);
  }
}

/**
 * Make panels as large as their frame allows: the columns, and every panel's width, which the stylesheet works out from
 * them. Where the page is narrow, the frame takes the panels' shape, up to a share of the screen.
 * @param {Panel[]} panels
 * @param {HTMLElement} frame
 * @param {boolean} isNarrow
 * @returns {number} the columns
 */
export function fit(panels, frame, isNarrow) {
  const { height, width } = panels[0].view;
  const highest = isNarrow ? 0.75 * innerHeight : frame.clientHeight;
  const columns = bestColumns(panels.length, width / height, frame.clientWidth / highest || 1);
  frame.style.setProperty("--columns", String(columns));
  frame.style.setProperty("--rows", String(Math.ceil(panels.length / columns)));
  frame.style.setProperty("--shape", String(width / height));
  frame.classList.toggle("several", panels.length > 1);
  return columns;
}

/**
 * @param {string} name
 * @param {Box} view
 * @param {...Node} inside
 */
function layer(name, view, ...inside) {
  const viewBox = `${view.left} ${view.top} ${view.width} ${view.height}`;
  return makeSvg("svg", { class: name, viewBox, preserveAspectRatio: "none", "aria-hidden": "true" }, ...inside);
}

/**
 * What two boxes have in common.
 * @param {Box} first
 * @param {Box} second
 * @returns {Box}
 */
function overlap(first, second) {
  const [top, left] = [Math.max(first.top, second.top), Math.max(first.left, second.left)];
  const height = Math.min(first.top + first.height, second.top + second.height) - top;
  return { top, left, height, width: Math.min(first.left + first.width, second.left + second.width) - left };
}

/**
 * @param {SVGRectElement} node
 * @param {Box | null} box
 */
function setBox(node, box) {
  node.setAttribute("visibility", box ? "visible" : "hidden");
  if (!box) return;
  node.setAttribute("x", box.left.toFixed(2));
  node.setAttribute("y", box.top.toFixed(2));
  node.setAttribute("width", box.width.toFixed(2));
  node.setAttribute("height", box.height.toFixed(2));
}

/**
 * Put a node at a box of the photo, inside a parent that covers another box, in percent of it.
 * @param {HTMLElement} node
 * @param {Box} box
 * @param {Box} parent
 */
function place(node, box, parent) {
  node.style.left = `${((box.left - parent.left) / parent.width) * 100}%`;
  node.style.top = `${((box.top - parent.top) / parent.height) * 100}%`;
  node.style.width = `${(box.width / parent.width) * 100}%`;
  node.style.height = `${(box.height / parent.height) * 100}%`;
}
