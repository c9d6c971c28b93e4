/* From what is chosen to the numbers that are drawn. */

import { attentionRow, headOf } from "../shared/attention.js";
import { extremes, magnitudes, usualReach } from "../shared/colour.js";
import { similarity } from "../shared/features.js";
import { cellAt } from "../shared/geometry.js";
import { queryIndex } from "./choices.js";
import { evidenceName } from "./data.js";

/** @import { Cell, DrawnMap, Features, MapDescription, Query, ServerMap, Shown, Stage } from "../types.js" */
/** @import { PhotoData } from "./data.js" */
/** @import { State } from "./state.js" */

/** @typedef {Omit<Shown, "map">} Wanted */

/**
 * What the chosen view is drawn from; nothing where the stage or the server has nothing to give.
 * @param {State} state
 * @param {PhotoData} data
 * @returns {{ name: string, start: () => Promise<unknown> }[]}
 */
export function needs(state, data) {
  const { stage, block, view } = state;
  if (view === "attention" || (view === "attention_cls" && data.stages[stage - 1].has_cls)) {
    return [{ name: `block ${stage} ${block}`, start: () => data.block(stage, block) }];
  }
  if (view === "attention_received") {
    return [{ name: `received ${stage} ${block}`, start: () => data.received(stage, block) }];
  }
  if (view === "feature" || view === "similarity") {
    return [{ name: `features ${stage}`, start: () => data.features(stage) }];
  }
  const found = serverMaps(state, data);
  return found ? [{ name: found.name, start: () => data.maps(found.name, found.maps) }] : [];
}

/**
 * The server's maps for the chosen view, where they have come.
 * @param {State} state
 * @param {PhotoData} data
 */
function serverMaps(state, data) {
  if (!state.uses("target")) return null;
  const against = state.uses("against") ? state.against : null;
  const found = data.value.evidence.find((known) => known.index === state.target && known.against === against);
  return found ? { name: evidenceName(found), maps: found.maps } : null;
}

/**
 * Which panels the choice asks for: one per head, one per pinned token, or one.
 * @param {State} state
 * @returns {Wanted[]}
 */
export function wantedPanels(state) {
  const { view, head, pins, looked } = state;
  /** @type {Query[]} */
  const queries = view === "attention_cls" ? ["cls"] : pins.length ? pins : [looked];
  const last = queries[queries.length - 1];
  if (head === "all" && state.uses("head")) {
    return Array.from({ length: state.stageNow.heads }, (_, index) => ({ query: last, head: index }));
  }
  const compares = view === "attention" || view === "similarity";
  return (compares ? queries : [last]).map((query) => ({ query, head: head === "all" ? "mean" : head }));
}

/**
 * What a panel's map depends on, as text: the same text, the same map.
 * @param {State} state
 * @param {Wanted} wanted
 */
export function mapKey(state, { query, head }) {
  const { view, stage, block, channel, target, against, method, stretched } = state;
  const at = view === "attention" || view === "similarity" ? query : "";
  return [state.photo.value.key, view, stage, block, head, channel, target, against, method, stretched, at].join(" ");
}

/**
 * The numbers of one panel; null for none.
 * @param {State} state
 * @param {Wanted} wanted
 * @returns {DrawnMap | null}
 */
export function mapOf(state, { query, head }) {
  const { view, stage, block, photo, stageNow } = state;
  switch (view) {
    case "attention":
    case "attention_cls":
      if (query === "cls" && !stageNow.has_cls) return null;
      return attentionOf(
        stageNow,
        attentionRow(photo.peek(`block ${stage} ${block}`), head, queryIndex(stageNow, query)),
      );
    case "attention_received":
      return attentionOf(stageNow, headOf(photo.peek(`received ${stage} ${block}`), stageNow.heads, head));
    case "similarity":
      return similarityOf(stageNow, photo.peek(`features ${stage}`), /** @type {Cell} */ (query));
    case "feature":
      return featureOf(state, photo.peek(`features ${stage}`));
    default:
      return serverMap(state);
  }
}

/**
 * @param {Stage} stage
 * @param {Float32Array} row
 * @returns {DrawnMap}
 */
function attentionOf({ keys, has_cls }, row) {
  const values = row.subarray(has_cls ? 1 : 0);
  return { grid: keys, row, values, kind: "distribution", baseline: 1 / row.length };
}

/**
 * @param {Stage} stage
 * @param {Features} features
 * @param {Cell} token
 * @returns {DrawnMap}
 */
function similarityOf({ tokens }, features, [row, column]) {
  const values = similarity(features.unit, features.channels, row * tokens.columns + column);
  return { grid: tokens, values, kind: "diverging", reach: 1 };
}

/**
 * @param {State} state
 * @param {Features} features
 * @returns {DrawnMap}
 */
function featureOf({ channel, stageNow: { tokens }, theme }, features) {
  if (channel === "norm") return { grid: tokens, values: features.norm, kind: "sequential" };
  const values = features.values.subarray(channel * features.tokens, (channel + 1) * features.tokens);
  const reach = usualReach(features.magnitudes, theme.colours.diverging.holds);
  return { grid: tokens, values, kind: "diverging", reach };
}

/**
 * @param {State} state
 * @returns {DrawnMap | null}
 */
function serverMap(state) {
  const found = serverMaps(state, state.photo);
  /** @type {ServerMap[] | undefined} */
  const maps = found ? state.photo.peek(found.name) : undefined;
  const chosen = maps?.find((map) => isChosen(state, map));
  if (!chosen) return null;
  const values = state.view === "evidence_against" ? chosen.values.map((value) => Math.min(0, value)) : chosen.values;
  return { ...chosen, values, reach: reachOfClasses(state) };
}

/**
 * @param {State} state
 * @param {MapDescription} map
 */
function isChosen({ view, stage, method }, map) {
  if (view === "rollout") return map.method === "rollout";
  return map.method === method && (map.stage === null || map.stage === stage - 1);
}

/**
 * How far the chosen map reaches for any class asked for so far, so that classes compare.
 * @param {State} state
 */
function reachOfClasses(state) {
  const { photo, theme } = state;
  /** @type {ServerMap[]} */
  const maps = photo.value.evidence.flatMap((known) => photo.peek(evidenceName(known)) ?? []);
  const chosen = maps.filter((map) => isChosen(state, map));
  const far = (/** @type {ServerMap} */ { kind, values }) =>
    kind === "diverging"
      ? usualReach(magnitudes(values), theme.colours.diverging.holds)
      : Math.max(...extremes(values).map(Math.abs));
  return Math.max(...chosen.map(far));
}

/**
 * The value of a map where a token's centre lies.
 * @param {State} state
 * @param {DrawnMap} map
 * @param {Cell} token
 */
export function valueAt(state, map, [row, column]) {
  const { offset, stride } = state.stageNow.tokens;
  const [r, c] = cellAt(map.grid, offset + row * stride, offset + column * stride);
  return map.values[r * map.grid.columns + c];
}
