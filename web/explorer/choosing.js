/* What is chosen, fitted to what there is. */

import { samePlace } from "../shared/geometry.js";
import { photoOfEntry } from "../shared/keeping.js";
import { isSame, pickIndex, pickQuery, settle } from "./choices.js";
import { meantBy, viewFor } from "./wishes.js";

/** @import { Grid, Query, Wish } from "../types.js" */
/** @import { PhotoData } from "./data.js" */
/** @import { State } from "./state.js" */

/**
 * Whether an address is about that photo: an example by its name, somebody's own by its entry in the history.
 * @param {Wish} link
 * @param {Pick<PhotoData, "value" | "kept">} data
 */
export function isPhotoOf(link, { value, kept }) {
  if (link.example) return link.example === value.example;
  const own = photoOfEntry();
  return own === null || own === kept;
}

/**
 * Fit what is chosen to a new photo; the address's wishes come true on the photo they are about.
 * @param {State} state
 * @param {PhotoData} data
 */
export function adopt(state, data) {
  const { stages, value } = data;
  const { link } = state;
  const isMeant = link && isPhotoOf(link, data) && (!link.model || link.model === value.model);
  Object.assign(state, settle(stages, state, {}));
  const { rows, columns } = stages[state.stage - 1].tokens;
  Object.assign(state, { pins: [], hovered: null, looked: [Math.floor(rows / 2), Math.floor(columns / 2)] });
  state.against = null;
  state.target = value.classes[0].index; // a class that was chosen for another photo says nothing about this one
  choose(state, isMeant ? meantBy(link) : {}, data);
  if (isMeant) state.link = null;
  data.adopted = true;
}

/**
 * Take over whatever part of some wishes exists.
 * @param {State} state
 * @param {Wish} wanted
 * @param {PhotoData} data
 */
export function choose(state, wanted, { stages, value }) {
  const before = stages[state.stage - 1];
  state.view = viewFor(state, wanted);
  Object.assign(state, settle(stages, state, wanted));
  const stage = stages[state.stage - 1];
  if (stage !== before) moveTokens(state, before.tokens, stage.tokens);
  const offered = [...value.methods, ...stage.methods];
  const next = state.method ? [...stage.methods, ...offered] : offered; // from one stage's map to another stage's
  const methods = /** @type {string[]} */ ([wanted.method, state.method, ...next]);
  state.method = methods.find((method) => offered.includes(method)) ?? "";
  if (wanted.channel === "norm") state.channel = "norm";
  state.channel = pickIndex(wanted.channel, stage.channels) ?? pickIndex(state.channel, stage.channels) ?? "norm";
  state.target = pickIndex(wanted.target, value.class_count) ?? state.target;
  const keeps = wanted.against === undefined && wanted.target === undefined; // another class is asked about by itself
  state.against = keeps ? state.against : pickIndex(wanted.against, value.class_count);
  if (state.against === state.target) state.against = null;
  chooseQuery(state, pickQuery(wanted.query, stage), pickQuery(wanted.compare, stage));
}

/**
 * @param {State} state
 * @param {Query | null} query
 * @param {Query | null} compare
 */
function chooseQuery(state, query, compare) {
  if (query === "cls" && state.view === "attention") state.view = "attention_cls";
  if (!query || query === "cls") return;
  state.looked = query;
  state.pins = compare && compare !== "cls" ? [query, compare] : [query];
}

/**
 * The tokens looked at, on another stage's grid.
 * @param {State} state
 * @param {Grid} from
 * @param {Grid} to
 */
function moveTokens(state, from, to) {
  state.pins = state.pins.map((pin) => samePlace(from, to, pin));
  if (isSame(state.pins[0], state.pins[1])) state.pins.pop();
  state.looked = samePlace(from, to, state.looked);
  state.hovered = null;
}
