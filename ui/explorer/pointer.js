/* Pointing, touching and typing on the picture. */

import { cellAt, toModel } from "./pure.js";
import { render, scheduleRender, show } from "./explorer.js";
import { writeUrlSoon } from "./share.js";
import { isReady, part, stageNow, state } from "./state.js";

const STILL = 8; // pixels that a finger may tremble and still tap

function tokenAt(panel, event) {
  const box = panel.picture.getBoundingClientRect();
  const { top, left, height, width } = panel.view;
  const y = top + ((event.clientY - box.top) / box.height) * height - 0.5;
  const x = left + ((event.clientX - box.left) / box.width) * width - 0.5;
  return cellAt(stageNow().tokens, ...toModel(panel.crop, y, x));
}

export function listenToPanel(panel) {
  const { picture } = panel;
  let pressed = null;
  picture.addEventListener("pointermove", (event) => look(panel, event));
  picture.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    pressed = event;
    if (event.pointerType !== "mouse") picture.setPointerCapture(event.pointerId);
    look(panel, event);
  });
  picture.addEventListener("pointerup", (event) => {
    const tapped = pressed && Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY) < STILL;
    pressed = null;
    if (tapped && isReady()) pin(tokenAt(panel, event));
  });
  picture.addEventListener("pointercancel", () => { pressed = null; });
  picture.addEventListener("pointerleave", () => {
    state.hovered = null;
    scheduleRender();
  });
}

function look(panel, event) {
  if (!isReady()) return;
  const query = tokenAt(panel, event);
  if (String(query) === String(state.hovered)) return;
  state.hovered = query;
  if (!state.pins.length) state.looked = query;
  scheduleRender();
}

/** Pin a token, unpin a pinned one, or move the second pin. */
function pin(query) {
  const others = state.pins.filter((one) => String(one) !== String(query));
  state.pins = others.length < state.pins.length ? others : [...state.pins.slice(0, 1), query];
  state.looked = state.pins.at(-1) ?? query;
  state.link = null;
  show();
}

function unpin() {
  if (!state.pins.length) return;
  state.looked = state.pins.at(-1);
  state.pins = state.pins.slice(0, -1);
  show();
}

function walk(rows, columns) {
  const grid = stageNow().tokens;
  const [row, column] = state.pins.at(-1) ?? state.looked;
  const clip = (value, count) => Math.min(Math.max(value, 0), count - 1);
  state.looked = [clip(row + rows, grid.rows), clip(column + columns, grid.columns)];
  if (state.pins.length) state.pins = [...state.pins.slice(0, -1), state.looked];
  state.hovered = null;
  render();
  if (state.pins.length) writeUrlSoon();
}

export function onKey(event) {
  if (event.target !== part(".frame") || event.ctrlKey || event.metaKey || event.altKey || !isReady()) return;
  const step = event.shiftKey ? 4 : 1;
  const ways = { ArrowUp: [-step, 0], ArrowDown: [step, 0], ArrowLeft: [0, -step], ArrowRight: [0, step], Home: [0, -Infinity], End: [0, Infinity] };
  if (event.key in ways) walk(...ways[event.key]);
  else if (event.key === "Enter" || event.key === " ") pin(state.hovered ?? state.looked);
  else if (event.key === "Escape") unpin();
  else return;
  event.preventDefault();
}
