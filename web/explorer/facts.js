/* What a picture says: facts to be read beside it, and one sentence for ears. */

import { entropy, keysForHalf } from "../shared/attention.js";
import { extremes } from "../shared/colour.js";
import { strongestChannels } from "../shared/features.js";
import { isCut, samePlace } from "../shared/geometry.js";
import { withoutTerms } from "../shared/glossary.js";
import { digits } from "../shared/words.js";
import { valueAt } from "./maps.js";

/** @import { Cell, DrawnMap, Features, Grid, Query, Shown } from "../types.js" */
/** @import { State } from "./state.js" */

/** @typedef {Shown & { map: DrawnMap }} Drawn */
/** @typedef {Drawn & { map: { row: Float32Array } }} DrawnAttention */
/** @typedef {Drawn & { query: Cell }} AtToken */
/** @typedef {{ label: string, value: string, sub: string }} Fact */

/**
 * A function of an array that works it out once per array: most moves of the pointer change no map.
 * @template T
 * @param {(values: Float32Array) => T} work
 * @returns {(values: Float32Array) => T}
 */
function remembered(work) {
  /** @type {WeakMap<Float32Array, T>} */
  const known = new WeakMap();
  return (values) => {
    const found = known.get(values) ?? work(values);
    known.set(values, found);
    return found;
  };
}

const entropyOf = remembered(entropy);
const halfOf = remembered(keysForHalf);
const extremesOf = remembered(extremes);
const likenessOf = remembered((values) => ({
  mean: values.reduce((sum, value) => sum + value, 0) / values.length,
  alike: values.filter((value) => value > 0.5).length,
}));

/**
 * A token in words, counted from 1.
 * @param {State} state
 * @param {Query} query
 */
export function placeOf({ text }, query) {
  return query === "cls" ? text("token cls") : text("place", { row: query[0] + 1, column: query[1] + 1 });
}

/**
 * What tells one of several panels from the others.
 * @param {State} state
 * @param {Shown} shown
 */
export function nameOf(state, { query, head, map }) {
  const name = state.head === "all" ? state.text("head name", { head: Number(head) + 1 }) : placeOf(state, query);
  return map?.row ? `${name} · ${state.text("bits", { bits: entropyOf(map.row).toFixed(2) })}` : name;
}

/**
 * The facts of the panels on the screen.
 * @param {State} state
 * @param {Drawn[]} shown
 */
export function factsOf(state, shown) {
  switch (state.view) {
    case "feature":
      return featureFacts(state, /** @type {AtToken[]} */ (shown));
    case "similarity":
      return similarityFacts(state, /** @type {AtToken[]} */ (shown));
    case "rollout":
      return rolloutFacts(state, /** @type {AtToken[]} */ (shown));
    case "class_evidence":
    case "evidence_against":
      return evidenceFacts(state, /** @type {AtToken[]} */ (shown));
    default:
      return attentionFacts(state, /** @type {DrawnAttention[]} */ (shown));
  }
}

/**
 * @param {State} state
 * @param {string} name
 * @param {string} value
 * @returns {Fact}
 */
function fact({ text }, name, value, sub = "") {
  return { label: text(`fact.${name}`), value, sub };
}

/**
 * @param {State} state
 * @param {Drawn[]} shown
 */
function tokenFact(state, shown) {
  const { tokens } = state.stageNow;
  const places = [...new Set(shown.map(({ query }) => placeOf(state, query)))].join(" | ");
  if (shown[0].query === "cls") return fact(state, "token", places);
  const isNarrow = shown.some(({ query, map }) => query !== "cls" && isAtEdge(state, map.grid, query));
  return fact(state, "token", places, state.text(isNarrow ? "of grid at edge" : "of grid", { ...tokens }));
}

/**
 * Whether the edge cuts a token's cell, or the map's cell that lies there.
 * @param {State} state
 * @param {Grid} grid of the map
 * @param {Cell} token
 */
function isAtEdge({ stageNow: { tokens }, photo }, grid, token) {
  const { crop } = photo.value;
  return isCut(crop, tokens, token) || isCut(crop, grid, samePlace(tokens, grid, token));
}

/**
 * The token; and, while another place is pointed at than the one that looks, what that place gets.
 * @param {State} state
 * @param {Drawn[]} shown
 */
function lookingFact(state, shown) {
  const { hovered, pins, text } = state;
  const told = tokenFact(state, shown);
  if (!hovered || (!pins.length && shown[0].query !== "cls")) return told;
  const shares = shown.map(({ map }) => valueAt(state, map, hovered));
  return { ...told, sub: text("gives", { share: several(shares, state.percent), place: placeOf(state, hovered) }) };
}

/** @param {State} state */
function ofStage({ text, stage, photo }) {
  return text("of stage", { stage, count: photo.stages.length });
}

/**
 * @param {State} state
 * @param {DrawnAttention[]} shown
 */
function attentionFacts(state, shown) {
  const { text, stageNow, counts } = state;
  const rows = shown.map(({ map }) => map.row);
  const keys = rows[0].length;
  const bits = text("bits of", { bits: fixed(Math.log2(keys)) });
  const onCls = rows.map((row) => row[0]);
  return [
    ...(state.view === "attention_received" ? receivedFacts(state, shown) : lookingFacts(state, shown)),
    headFact(state),
    fact(state, "entropy", several(rows.map(entropyOf), fixed), bits),
    fact(
      state,
      "half",
      several(
        shown.map(({ map }) => halfOf(map.values)),
        String,
      ),
      text("of keys", { count: counts.keys }),
    ),
    stageNow.has_cls
      ? fact(state, "cls", several(onCls, state.percent), text("one key", { count: keys }))
      : fact(state, "cls", text("no cls"), clsJoins(state)),
  ];
}

/**
 * @param {State} state
 * @param {DrawnAttention[]} shown
 */
function receivedFacts(state, shown) {
  const here = shown.map(({ query, map }) => (query === "cls" ? 0 : valueAt(state, map, query)));
  const uniform = state.text("uniform", { value: state.percent(1 / shown[0].map.row.length) });
  return [tokenFact(state, shown), fact(state, "share", several(here, state.percent), uniform)];
}

/**
 * @param {State} state
 * @param {DrawnAttention[]} shown
 */
function lookingFacts(state, shown) {
  const block = state.text("option.block", { block: state.block + 1, count: state.stageNow.blocks.length });
  return [lookingFact(state, shown), fact(state, "block", block, ofStage(state))];
}

/** @param {State} state */
function clsJoins({ text, photo }) {
  const stage = photo.stages.findIndex((entry) => entry.has_cls) + 1;
  return stage ? text("cls from", { stage }) : "";
}

/** @param {State} state */
function headFact(state) {
  const { head, text } = state;
  const count = state.stageNow.heads;
  if (count > 1 && (head === "mean" || head === "all")) {
    return fact(state, "head", text(head), text("of heads", { count }));
  }
  return fact(state, "head", text("option.head", { head: typeof head === "number" ? head + 1 : 1, count }));
}

/**
 * @param {State} state
 * @param {AtToken[]} shown
 */
function featureFacts(state, shown) {
  const { query, map } = shown[shown.length - 1];
  const { channel, text } = state;
  const { channels, tokens } = state.stageNow;
  /** @type {Features} */
  const features = state.photo.peek(`features ${state.stage}`);
  const strongest = strongestChannels(features, query[0] * tokens.columns + query[1], 3);
  const [low, high] = extremesOf(map.values).map(digits);
  const name =
    channel === "norm"
      ? text("option.channel.norm")
      : text("option.channel", { channel: channel + 1, count: channels });
  return [
    tokenFact(state, shown),
    fact(state, "channel", name, ofStage(state)),
    fact(state, "value", digits(valueAt(state, map, query)), text("range", { low, high })),
    fact(state, "standout", strongest.map((index) => index + 1).join(" · "), text("channels")),
  ];
}

/**
 * @param {State} state
 * @param {AtToken[]} shown
 */
function similarityFacts(state, shown) {
  const { text } = state;
  const { columns } = state.stageNow.tokens;
  const nearest = shown.map(({ query, map }) => twinOf(map.values, query[0] * columns + query[1]));
  const likeness = shown.map(({ map }) => likenessOf(map.values));
  const places = nearest.map((token) => placeOf(state, [Math.floor(token / columns), token % columns]));
  const cosines = shown.map(({ map }, index) => map.values[nearest[index]]);
  const means = likeness.map(({ mean }) => mean);
  const alike = likeness.map((token) => token.alike);
  return [
    tokenFact(state, shown),
    fact(state, "similarity", several(means, digits), text("cosine")),
    fact(state, "twin", places.join(" | "), text("fact", { label: text("cosine"), value: several(cosines, digits) })),
    fact(state, "alike", several(alike, String), text("above half")),
  ];
}

/**
 * The token most like another one, itself left out.
 * @param {Float32Array} values
 * @param {number} token
 */
function twinOf(values, token) {
  let best = token === 0 && values.length > 1 ? 1 : 0;
  for (let i = 0; i < values.length; i++) if (i !== token && values[i] > values[best]) best = i;
  return best;
}

/**
 * @param {State} state
 * @param {AtToken[]} shown
 */
function rolloutFacts(state, shown) {
  const { query, map } = shown[shown.length - 1];
  const { text } = state;
  const baseline = map.baseline ?? 1;
  const times = text("times", { times: digits(valueAt(state, map, query) / baseline) });
  return [
    tokenFact(state, shown),
    fact(state, "class", text.className(state.classNow.label)),
    fact(state, "share", times, text("uniform", { value: state.percent(baseline) })),
    fact(state, "half", String(halfOf(map.values)), text("of pixels", { count: map.values.length })),
  ];
}

/**
 * @param {State} state
 * @param {AtToken[]} shown
 */
function evidenceFacts(state, shown) {
  const { query, map } = shown[shown.length - 1];
  const { text } = state;
  const { label, probability } = state.classNow;
  const [low, high] = extremesOf(map.values).map(digits);
  return [
    tokenFact(state, shown),
    fact(state, "class", text.className(label)),
    fact(state, "probability", state.percent(probability ?? NaN)),
    fact(state, "method", text(`option.${map.method}`), state.isWhole ? text("of network") : ofStage(state)),
    fact(state, "evidence", digits(valueAt(state, map, query)), text("range", { low, high })),
  ];
}

/** @param {number} value */
function fixed(value) {
  return value.toFixed(2);
}

/**
 * One or two values side by side; of more, the smallest and the largest.
 * @param {number[]} values
 * @param {(value: number) => string} show
 */
function several(values, show) {
  if (values.length <= 2) return values.map(show).join(" | ");
  return `${show(Math.min(...values))}–${show(Math.max(...values))}`;
}

/**
 * The same as one sentence.
 * @param {State} state
 * @param {Drawn[]} shown
 * @param {Fact[]} facts
 */
export function sentenceOf(state, shown, facts) {
  const { text, view, stage } = state;
  const pinned = state.pins.length ? text("sentence.pinned") : "";
  if (view === "attention" || view === "attention_cls") {
    return (
      pinned + shown.map((map) => attentionSentence(state, /** @type {DrawnAttention} */ (map))).join(text("sentences"))
    );
  }
  const told = facts.map((said) => text(said.sub ? "fact with sub" : "fact", { ...said })).join(text("facts"));
  return pinned + text("sentence.facts", { view: text(`view.${view}`), stage, facts: withoutTerms(text, told) });
}

/**
 * @param {State} state
 * @param {DrawnAttention} shown
 */
function attentionSentence(state, { query, head, map }) {
  const { text } = state;
  const { heads, has_cls } = state.stageNow;
  const place = query === "cls" ? {} : { row: query[0] + 1, column: query[1] + 1 };
  return text("sentence.attention", {
    token: query === "cls" ? text("token cls") : text("sentence.token", place),
    stage: state.stage,
    block: state.block + 1,
    head:
      head === "mean"
        ? text("sentence.head.mean", { count: heads })
        : text("sentence.head", { head: head + 1, count: heads }),
    entropy: fixed(entropyOf(map.row)),
    uniform: fixed(Math.log2(map.row.length)),
    half: halfOf(map.values),
    keys: map.values.length,
    cls: has_cls ? text("sentence.cls", { share: state.percent(map.row[0]) }) : "",
  });
}
