/* From what is on the screen to the close-up of the number behind it. */

import { openCloseup } from "../shared/closeups.js";
import { fromOne } from "../shared/counting.js";

/** @import { Cell } from "../types.js" */
/** @import { State } from "./state.js" */

/**
 * The button that opens the number, in the page's close-ups where it has some.
 * @param {State} state
 */
export function prepareOpening(state) {
  state.control("number").addEventListener("click", () => {
    if (state.isReady) void openCloseup(numberOf(state));
  });
}

/**
 * The close-up of what a view shows, counted from 1: of a feature the block it comes out of, of attention the row
 * itself, of what speaks for a class the answer.
 * @param {State} state
 */
export function numberOf(state) {
  const { view, stage, stageNow, target } = state;
  const token = /** @type {Cell} */ (fromOne(state.pins.at(-1) ?? state.looked));
  if (view === "rollout" || view === "class_evidence") return { kind: "answer", target };
  if (view === "feature" || view === "similarity") {
    const channel = state.channel === "norm" ? undefined : state.channel + 1;
    return { kind: "block", stage, block: stageNow.blocks.length, query: token, channel };
  }
  const head = typeof state.head === "number" ? state.head + 1 : undefined;
  return { kind: "attention", stage, block: state.block + 1, head, query: view === "attention_cls" ? "cls" : token };
}
