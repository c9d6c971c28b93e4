/* What is outlined on the photo: the token that looks, others beside it, and how far it sees. */

import { windowOf } from "../shared/geometry.js";

/** @import { Cell } from "../types.js" */
/** @import { Wanted } from "./maps.js" */
/** @import { State } from "./state.js" */

/**
 * @param {State} state
 * @param {Wanted[]} wanted
 */
export function drawMarks(state, wanted) {
  const { pins, hovered, text } = state;
  const { tokens, queries } = state.stageNow;
  const { crop } = state.photo.value;
  const comparing = wanted.length > 1 && wanted[0].query !== wanted[1].query;
  const box = (/** @type {Cell | null} */ at, grid = tokens, side = tokens.stride) =>
    at && windowOf(crop, grid, at, side);
  const [own, asking] = [tokens.receptive_field, queries.receptive_field];
  state.panels.forEach((panel, index) => {
    const { query } = wanted[index];
    const at = query === "cls" ? hovered : query;
    const field = state.field ? at : null;
    panel.mark("token", box(at));
    panel.mark("hovered", pins.length ? box(hovered) : null);
    panel.mark("other", pins.length > 1 && !comparing && query !== "cls" ? box(pins[0]) : null);
    panel.mark("field", box(field, tokens, own), text("field token", { side: own }));
    panel.mark("field wide", box(field, queries, asking), text("field query", { side: asking }));
  });
}
