/* From what is chosen to the numbers that are drawn. */

import { attentionRow, cellAt, extremes, headOf, queryIndex, similarity } from "./pure.js";
import { USES, selection, stageNow, state } from "./state.js";

/** What the chosen view is drawn from: [{ name, start }]; nothing where the stage or the server has nothing to give. */
export function needs(data) {
  const { stage, block, view } = selection;
  const need = (name, start) => [{ name, start }];
  if (view === "attention" || (view === "attention_cls" && data.stages[stage - 1].has_cls)) {
    return need(`block ${stage} ${block}`, () => data.block(stage, block));
  }
  if (view === "attention_received") return need(`received ${stage} ${block}`, () => data.received(stage, block));
  if (view === "feature" || view === "similarity") return need(`features ${stage}`, () => data.features(stage));
  const maps = serverMaps(data);
  return maps ? need(maps.name, () => data.maps(maps.name, maps.data)) : [];
}

/** The server's maps for the chosen view, where they have come. */
function serverMaps(data) {
  const found = USES[selection.view].includes("target") && data.value.evidence.find((one) => one.index === selection.target);
  return found ? { name: `evidence ${found.index}`, data: found.maps } : null;
}

/** Which panels the choice asks for, as { query, head }: one per head, one per pinned token, or one. */
export function wantedPanels() {
  const { view } = selection;
  const queries = view === "attention_cls" ? ["cls"] : state.pins.length ? state.pins : [state.looked];
  const last = queries.at(-1);
  if (selection.head === "all" && USES[view].includes("head")) {
    return Array.from({ length: stageNow().heads }, (_, head) => ({ query: last, head }));
  }
  const head = selection.head === "all" ? "mean" : selection.head;
  const compares = view === "attention" || view === "similarity";
  return (compares ? queries : [last]).map((query) => ({ query, head }));
}

/** What a panel's map depends on, as text: the same text, the same map. */
export function mapKey({ query, head }) {
  const { view, stage, block, channel, target, method, stretched } = selection;
  const moves = view === "attention" || view === "similarity";
  return [state.current.value.key, view, stage, block, head, channel, target, method, stretched, moves ? query : ""].join(" ");
}

/** The numbers of one panel: { grid, values, kind, baseline, reach }, for attention with the whole row; null for none. */
export function mapOf({ query, head }) {
  const { view, stage, block } = selection;
  const one = stageNow();
  const { current } = state;
  switch (view) {
    case "attention":
    case "attention_cls":
      if (query === "cls" && !one.has_cls) return null;
      return attentionOf(one, attentionRow(current.peek(`block ${stage} ${block}`), head, queryIndex(one, query)));
    case "attention_received":
      return attentionOf(one, headOf(current.peek(`received ${stage} ${block}`), one.heads, head));
    case "similarity":
      return similarityOf(one, current.peek(`features ${stage}`), query);
    case "feature":
      return featureOf(one, current.peek(`features ${stage}`));
    default:
      return serverMap();
  }
}

function attentionOf({ keys, has_cls }, row) {
  return { grid: keys, row, values: row.subarray(has_cls ? 1 : 0), kind: "distribution", baseline: 1 / row.length };
}

function similarityOf({ tokens }, features, [row, column]) {
  return { grid: tokens, values: similarity(features.unit, features.channels, row * tokens.columns + column), kind: "diverging", reach: 1 };
}

function featureOf({ tokens }, features) {
  const { channel } = selection;
  if (channel === "norm") return { grid: tokens, values: features.norm, kind: "sequential" };
  const values = features.values.subarray(channel * features.tokens, (channel + 1) * features.tokens);
  return { grid: tokens, values, kind: "diverging", reach: features.reach };
}

function serverMap() {
  const maps = serverMaps(state.current);
  const drawn = maps && state.current.peek(maps.name);
  if (!drawn) return null;
  return { ...drawn.find(isChosen), reach: reachOfClasses() };
}

function isChosen(map) {
  if (selection.view === "rollout") return map.method === "rollout";
  return map.stage === selection.stage - 1 && map.method === selection.method;
}

/** The largest value of the chosen map for any class asked for so far, so that classes compare. */
function reachOfClasses() {
  const maps = state.current.value.evidence.flatMap((one) => state.current.peek(`evidence ${one.index}`) ?? []);
  return Math.max(...maps.filter(isChosen).flatMap((map) => extremes(map.values).map(Math.abs)));
}

/** The value of a map where a token's centre lies. */
export function valueAt(map, [row, column]) {
  const { offset, stride } = stageNow().tokens;
  const [r, c] = cellAt(map.grid, offset + row * stride, offset + column * stride);
  return map.values[r * map.grid.columns + c];
}
