/* What is meant by wishes that leave something open. */

import { VIEWS } from "./state.js";

/** @import { Wish } from "../types.js" */
/** @import { State, View } from "./state.js" */

/**
 * @param {unknown} name
 * @returns {name is View}
 */
function isView(name) {
  return VIEWS.includes(/** @type {View} */ (name));
}

/**
 * The view that some wishes ask for; what the one on the screen does not use is shown by the one that does.
 * @param {Pick<State, "view" | "uses">} state
 * @param {Wish} wanted
 * @returns {View}
 */
export function viewFor(state, { view, stage, block, head, query, target }) {
  if (isView(view)) return view;
  if ((block !== undefined || head !== undefined || query === "cls") && !state.uses("block")) return "attention";
  return stage !== undefined && target === undefined && !state.uses("stage") ? "feature" : state.view;
}

/**
 * What an address means. One that says where to look, and not with which view, is about attention.
 * @param {Wish} link
 * @returns {Wish}
 */
export function meantBy(link) {
  const looks = [link.stage, link.block, link.head, link.query].some((said) => said !== undefined);
  return looks && !isView(link.view) ? { ...link, view: "attention" } : link;
}
