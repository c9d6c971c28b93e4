/* What is chosen and what is held, shared by the parts of one explorer. One script runs per mount, so this is per mount. */

import { cells } from "./pure.js";
import { language, speaker } from "./words.js";

export const VIEWS = ["attention", "attention_cls", "attention_received", "feature", "similarity", "rollout", "class_evidence"];

/** Which choices a view depends on. */
export const USES = {
  attention: ["stage", "block", "head"],
  attention_cls: ["stage", "block", "head"],
  attention_received: ["stage", "block", "head"],
  feature: ["stage", "channel"],
  similarity: ["stage"],
  rollout: ["target"],
  class_evidence: ["stage", "method", "target"],
};

export const PALETTE_OF = { distribution: "inferno", sequential: "viridis", diverging: "coolwarm" };

export const root = element.querySelector("#explorer");
export const part = (selector) => root.querySelector(selector);
export const control = (name) => part(`[name="${name}"]`);

/** What the address said when the page opened. */
export const parameters = Object.fromEntries(new URLSearchParams(location.search));
export const spoken = language(location.search);
export const text = speaker(spoken);

export const state = {
  current: null, // the photo on the screen, a PhotoData
  incoming: null, // the photo that will be
  link: parameters, // what the address asked for, until it has been shown
  panels: [],
  scale: null, // of the maps on the screen
  pins: [], // at most two tokens, [row, column]
  looked: null, // the token last pointed at or walked to
  hovered: null, // the token under the pointer
};

export const selection = {
  view: "attention", stage: null, block: null, head: "mean", channel: "norm", target: null, method: null,
  opacity: 0.6, stretched: false, field: false,
};

export function stageNow() {
  return state.current.stages[selection.stage - 1];
}

/** The chosen class; of one that the server has not told about yet only the number is known. */
export function classNow() {
  const { target } = selection;
  return state.current.value.classes.find((one) => one.index === target) ?? { index: target, label: `#${target}`, probability: null };
}

export function isReady() {
  return state.current !== null && root.dataset.state === "ready";
}

/** How many keys, queries and channels the chosen stage has, for sentences. */
export function countsNow() {
  const { keys, tokens, channels, has_cls } = stageNow();
  return { keys: cells(keys), queries: cells(tokens) + (has_cls ? 1 : 0), channels };
}

/** Change a node's text only where it differs, so that nothing is laid out for nothing. */
export function setText(node, words) {
  if (node.textContent !== words) node.textContent = words;
}
