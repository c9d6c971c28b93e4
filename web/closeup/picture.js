/* The photo as the model sees it, with the token that a close-up is about. It is moved by hand and by arrow keys. */

import { make, makeSvg } from "../shared/dom.js";
import { cellAt } from "../shared/geometry.js";

/** @import { Cell, Grid, Query } from "../types.js" */
/** @import { CloseUpStage, Convolution, Tensor } from "./types.js" */

/** @typedef {{ y: number, x: number, height: number, width: number }} Frame in pixels of the model's input */
/** @typedef {{ frame: Frame, kind: string }} Mark */
/** @typedef {{ grid: Grid, colours: string[] }} Veil one colour a cell */

const FAR = 4; // tokens that an arrow key moves with Shift

/** One picture that lasts as long as its close-up. */
export class Picture {
  /**
   * @param {string} label
   * @param {(query: Cell) => void} moved
   */
  constructor(label, moved) {
    this.canvas = make("canvas");
    this.marks = makeSvg("svg", { "aria-hidden": "true" });
    const attributes = { class: "seen", tabindex: 0, role: "application", "aria-label": label };
    this.node = make("div", attributes, this.canvas, this.marks);
    this.moved = moved;
    /** @type {Tensor | null} */
    this.pixels = null;
    /** @type {Grid | null} */
    this.tokens = null;
    /** @type {Query} */
    this.query = [0, 0];
    this.border = 0;
    this.listen();
  }

  listen() {
    const { node } = this;
    let holds = false;
    node.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      holds = true;
      node.setPointerCapture(event.pointerId);
      this.point(event);
    });
    node.addEventListener("pointermove", (event) => holds && this.point(event));
    for (const name of ["pointerup", "pointercancel"]) node.addEventListener(name, () => (holds = false));
    node.addEventListener("keydown", (event) => this.onKey(event));
  }

  /** @param {PointerEvent} event */
  point(event) {
    if (!this.tokens) return;
    const box = this.node.getBoundingClientRect();
    const { y, x, height, width } = this.extent;
    const row = y + ((event.clientY - box.top) / box.height) * height;
    const column = x + ((event.clientX - box.left) / box.width) * width;
    this.move(cellAt(this.tokens, row, column));
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (!this.tokens || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? FAR : 1;
    /** @type {Record<string, Cell>} */
    const ways = { ArrowUp: [-step, 0], ArrowDown: [step, 0], ArrowLeft: [0, -step], ArrowRight: [0, step] };
    const way = ways[event.key];
    if (!way) return;
    event.preventDefault();
    const { rows, columns } = this.tokens;
    const [row, column] = this.query === "cls" ? [rows >> 1, columns >> 1] : this.query;
    const inside = (/** @type {number} */ value, /** @type {number} */ count) =>
      Math.min(Math.max(value, 0), count - 1);
    this.move([inside(row + way[0], rows), inside(column + way[1], columns)]);
  }

  /** @param {Cell} query */
  move(query) {
    if (String(query) !== String(this.query)) this.moved(query);
  }

  /** What is seen: the model's input and the zero border that windows reach into. */
  get extent() {
    const [height, width] = this.pixels?.shape ?? [1, 1];
    const border = this.border;
    return { y: -0.5 - border, x: -0.5 - border, height: height + 2 * border, width: width + 2 * border };
  }

  /**
   * @param {Tensor} pixels
   * @param {CloseUpStage} stage
   * @param {Query} query
   * @param {{ marks: Mark[], border?: number, veil?: Veil | null }} drawn
   */
  draw(pixels, stage, query, { marks, border = 0, veil = null }) {
    Object.assign(this, { tokens: stage.tokens, query, border });
    if (pixels !== this.pixels) this.drawPixels(pixels);
    const { y, x, height, width } = this.extent;
    this.node.style.aspectRatio = `${width} / ${height}`;
    this.canvas.style.inset = `${(100 * border) / height}% ${(100 * border) / width}%`;
    this.canvas.style.width = `${100 - (200 * border) / width}%`;
    this.canvas.style.height = `${100 - (200 * border) / height}%`;
    this.marks.setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
    this.marks.replaceChildren(...(veil ? veiled(veil) : []), ...marks.map(drawMark));
  }

  /** @param {Tensor} pixels */
  drawPixels(pixels) {
    this.pixels = pixels;
    const [height, width] = pixels.shape;
    Object.assign(this.canvas, { width, height });
    const context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    const image = context.createImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = pixels.values[3 * i + c];
      image.data[4 * i + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }
}

/** @param {Veil} veil */
function veiled({ grid, colours }) {
  const side = grid.stride;
  return colours.map((fill, i) => {
    const y = grid.offset + Math.floor(i / grid.columns) * side - side / 2;
    const x = grid.offset + (i % grid.columns) * side - side / 2;
    return makeSvg("rect", { class: "veil", y, x, width: side, height: side, fill });
  });
}

/** @param {Mark} mark */
function drawMark({ frame: { y, x, height, width }, kind }) {
  const box = { y, x, height, width };
  return makeSvg(
    "g",
    { class: `mark ${kind}` },
    makeSvg("rect", { ...box, class: "halo" }),
    makeSvg("rect", { ...box, class: "stroke" }),
  );
}

/**
 * A window of a convolution on the model's input: as many cells of the map below as it sees, each as wide as their step.
 * @param {Grid} below
 * @param {Convolution} convolution
 * @param {Cell} cell of the map above
 * @returns {Frame}
 */
export function windowFrame(below, { kernel, stride, padding }, [row, column]) {
  const at = (/** @type {number} */ index) => below.offset + (index * stride - padding - 0.5) * below.stride;
  return { y: at(row), x: at(column), height: kernel * below.stride, width: kernel * below.stride };
}

/**
 * One cell of a grid on the model's input, as wide as its step.
 * @param {Grid} grid
 * @param {Cell} cell
 * @returns {Frame}
 */
export function cellFrame(grid, cell) {
  return windowFrame(grid, { kernel: 1, stride: 1, padding: 0 }, cell);
}
