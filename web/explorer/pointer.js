/* Pointing, touching and typing on the picture. */

import { cellAt, toModel } from "../shared/geometry.js";
import { isSame } from "./choices.js";

/** @import { Cell } from "../types.js" */
/** @import { Panel } from "./panel.js" */
/** @import { State } from "./state.js" */

/**
 * @typedef {object} Answers What a move asks of the explorer.
 * @property {() => void} render draw at once
 * @property {() => void} renderSoon draw with the next frame
 * @property {() => void} show bring what is chosen onto the screen
 * @property {() => void} walked the pinned token has moved
 */

const STILL = 8; // pixels that a finger may tremble and still tap
const HELD = 350; // milliseconds after which a finger that lies still no longer scrolls the page, but walks

/** Turns events on the picture into the token that is looked at, and the tokens that are pinned. */
export class Pointer {
  /**
   * @param {State} state
   * @param {Answers} answers
   */
  constructor(state, answers) {
    this.state = state;
    this.answers = answers;
  }

  /** @param {Panel} panel */
  listen(panel) {
    const { picture } = panel;
    /** @type {PointerEvent | null} */
    let pressed = null;
    let holding = 0;
    let walks = false; // a finger that was held
    const isStill = (/** @type {PointerEvent} */ event) =>
      pressed !== null && Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY) < STILL;
    const release = () => {
      clearTimeout(holding);
      [pressed, walks] = [null, false];
    };
    picture.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse" || walks) this.look(panel, event);
      else if (!isStill(event)) clearTimeout(holding);
    });
    picture.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      pressed = event;
      if (event.pointerType === "mouse") return this.look(panel, event);
      holding = window.setTimeout(() => {
        walks = true;
        this.look(panel, event);
      }, HELD);
    });
    picture.addEventListener("pointerup", (event) => {
      const [taps, held] = [isStill(event), walks];
      const isMouse = event.pointerType === "mouse";
      release();
      if (!this.state.isReady) return;
      if (held || (isMouse && taps)) this.pin(this.tokenAt(panel, event));
      else if (taps) this.moveTo(this.tokenAt(panel, event));
    });
    picture.addEventListener("pointercancel", release);
    // What scrolls is decided by the first move: a finger that walks must say no to it.
    picture.addEventListener("touchmove", (event) => walks && event.preventDefault(), { passive: false });
    picture.addEventListener("contextmenu", (event) => pressed?.pointerType === "touch" && event.preventDefault());
    picture.addEventListener("pointerleave", () => {
      this.state.hovered = null;
      this.answers.renderSoon();
    });
  }

  /**
   * @param {Panel} panel
   * @param {PointerEvent} event
   */
  tokenAt(panel, event) {
    const box = panel.picture.getBoundingClientRect();
    const { top, left, height, width } = panel.view;
    const y = top + ((event.clientY - box.top) / box.height) * height - 0.5;
    const x = left + ((event.clientX - box.left) / box.width) * width - 0.5;
    return cellAt(this.state.stageNow.tokens, ...toModel(panel.crop, y, x));
  }

  /**
   * @param {Panel} panel
   * @param {PointerEvent} event
   */
  look(panel, event) {
    const { state } = this;
    if (!state.isReady) return;
    const token = this.tokenAt(panel, event);
    if (isSame(token, state.hovered)) return;
    state.hovered = token;
    if (!state.pins.length) state.looked = token;
    this.answers.renderSoon();
  }

  /**
   * Pin a token, unpin a pinned one, or move the second pin.
   * @param {Cell} token
   */
  pin(token) {
    const { state } = this;
    const others = state.pins.filter((pinned) => !isSame(pinned, token));
    state.pins = others.length < state.pins.length ? others : [...state.pins.slice(0, 1), token];
    state.looked = state.pins.at(-1) ?? token;
    state.link = null;
    this.answers.show();
  }

  /**
   * Where a finger taps: the one token that is looked at; tapped again it is let go.
   * @param {Cell} token
   */
  moveTo(token) {
    const { state } = this;
    const isPinned = state.pins.length === 1 && isSame(state.pins[0], token);
    Object.assign(state, { pins: isPinned ? [] : [token], looked: token, hovered: null, link: null });
    this.answers.show();
  }

  unpin() {
    const { state } = this;
    const last = state.pins.at(-1);
    if (!last) return;
    state.looked = last;
    state.pins = state.pins.slice(0, -1);
    this.answers.show();
  }

  /**
   * @param {number} rows
   * @param {number} columns
   */
  walk(rows, columns) {
    const { state } = this;
    const grid = state.stageNow.tokens;
    const [row, column] = state.pins.at(-1) ?? state.looked;
    const clip = (/** @type {number} */ value, /** @type {number} */ count) => Math.min(Math.max(value, 0), count - 1);
    state.looked = [clip(row + rows, grid.rows), clip(column + columns, grid.columns)];
    if (state.pins.length) state.pins = [...state.pins.slice(0, -1), state.looked];
    state.hovered = null;
    this.answers.render();
    if (state.pins.length) this.answers.walked();
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const { state } = this;
    const meant = event.target === state.part(".frame") && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!meant || !state.isReady) return;
    const step = event.shiftKey ? 4 : 1;
    /** @type {Record<string, [number, number]>} */
    const ways = {
      ArrowUp: [-step, 0],
      ArrowDown: [step, 0],
      ArrowLeft: [0, -step],
      ArrowRight: [0, step],
      Home: [0, -Infinity],
      End: [0, Infinity],
    };
    if (event.key in ways) this.walk(...ways[event.key]);
    else if (event.key === "Enter" || event.key === " ") this.pin(state.hovered ?? state.looked);
    else if (event.key === "Escape") this.unpin();
    else return;
    event.preventDefault();
  }
}
