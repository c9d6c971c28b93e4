/* Words and numbers: what a picture says, as facts to be read beside it and as one sentence. */

import { entropy, extremes, fill, inPercent, keysForHalf, strongestChannels } from "./pure.js";
import { valueAt } from "./maps.js";
import { classNow, countsNow, selection, stageNow, state, text } from "./state.js";

/** The texts of a language, as a function of a text's name and the values it leaves blank. */
export function speaker(name) {
  return (key, values = {}) => fill(TEXTS[name][key] ?? key, values);
}

/** The language of a page: what its address asks for, else the browser's, as far as there are texts. */
export function language(search) {
  const wanted = new URLSearchParams(search).get("lang") ?? navigator.language ?? "en";
  return wanted.toLowerCase().startsWith("ja") ? "ja" : "en";
}

/** A function of an array that works it out once per array: most moves of the pointer change no map. */
function remembered(work) {
  const known = new WeakMap();
  return (values) => {
    if (!known.has(values)) known.set(values, work(values));
    return known.get(values);
  };
}

const entropyOf = remembered(entropy);
const halfOf = remembered(keysForHalf);
const extremesOf = remembered(extremes);
const likenessOf = remembered((values) => ({
  mean: values.reduce((sum, value) => sum + value, 0) / values.length,
  alike: values.filter((value) => value > 0.5).length,
}));

/** A number with about three digits, and a true minus. */
export function digits(value) {
  const size = Math.abs(value);
  const small = size > 0 && size < 0.001;
  return (size >= 1000 || small ? value.toExponential(1) : value.toPrecision(3)).replaceAll("-", "−");
}

/** A share in percent. */
export function percent(share) {
  return text("percent", { number: inPercent(share) });
}

/** A token in words: its row and column, counted from 1. */
function placeOf(query) {
  return query === "cls" ? text("token cls") : text("place", { row: query[0] + 1, column: query[1] + 1 });
}

/** What tells one of several panels from the others. */
export function nameOf({ query, head, map }) {
  const name = selection.head === "all" ? text("head name", { head: head + 1 }) : placeOf(query);
  return map?.row ? `${name} · ${text("bits", { bits: entropyOf(map.row).toFixed(2) })}` : name;
}

/** The facts of the panels on the screen, [{ label, value, sub }]; `shown` are { query, head, map }. */
export function factsOf(shown) {
  const facts = { feature: featureFacts, similarity: similarityFacts, rollout: rolloutFacts, class_evidence: evidenceFacts };
  return (facts[selection.view] ?? attentionFacts)(shown);
}

function fact(name, value, sub = "") {
  return { label: text(`fact.${name}`), value, sub };
}

function tokenFact(shown) {
  const places = [...new Set(shown.map(({ query }) => placeOf(query)))].join(" | ");
  return fact("token", places, shown[0].query === "cls" ? "" : text("of grid", stageNow().tokens));
}

/** The token; and, while another place is pointed at than the one that looks, what that place gets. */
function lookingFact(shown) {
  const { hovered, pins } = state;
  const told = tokenFact(shown);
  if (!hovered || (!pins.length && shown[0].query !== "cls")) return told;
  const share = several(shown.map(({ map }) => valueAt(map, hovered)), percent);
  return { ...told, sub: text("gives", { share, place: placeOf(hovered) }) };
}

function ofStage() {
  return text("of stage", { stage: selection.stage, count: state.current.stages.length });
}

function attentionFacts(shown) {
  const { blocks, has_cls } = stageNow();
  const rows = shown.map(({ map }) => map.row);
  const received = selection.view === "attention_received";
  const here = shown.map(({ query, map }) => (query === "cls" ? 0 : valueAt(map, query)));
  return [
    received ? tokenFact(shown) : lookingFact(shown),
    received
      ? fact("share", several(here, percent), text("uniform", { value: percent(1 / rows[0].length) }))
      : fact("block", text("option.block", { block: selection.block + 1, count: blocks.length }), ofStage()),
    headFact(),
    fact("entropy", several(rows.map(entropyOf), fixed), text("bits of", { bits: fixed(Math.log2(rows[0].length)) })),
    fact("half", several(shown.map(({ map }) => halfOf(map.values)), String), text("of keys", { count: countsNow().keys })),
    has_cls
      ? fact("cls", several(rows.map((row) => row[0]), percent), text("one key", { count: rows[0].length }))
      : fact("cls", text("no cls"), clsJoins()),
  ];
}

function clsJoins() {
  const stage = state.current.stages.findIndex((one) => one.has_cls) + 1;
  return stage ? text("cls from", { stage }) : "";
}

function headFact() {
  const { head } = selection;
  const count = stageNow().heads;
  if (count > 1 && (head === "mean" || head === "all")) return fact("head", text(head), text("of heads", { count }));
  return fact("head", text("option.head", { head: head === "mean" || head === "all" ? 1 : head + 1, count }));
}

function featureFacts(shown) {
  const { query, map } = shown.at(-1);
  const { channels, tokens } = stageNow();
  const { channel } = selection;
  const features = state.current.peek(`features ${selection.stage}`);
  const strongest = strongestChannels(features, query[0] * tokens.columns + query[1], 3);
  const [low, high] = extremesOf(map.values).map(digits);
  return [
    tokenFact(shown),
    fact("channel", channel === "norm" ? text("option.channel.norm") : text("option.channel", { channel: channel + 1, count: channels }), ofStage()),
    fact("value", digits(valueAt(map, query)), text("range", { low, high })),
    fact("standout", strongest.map((one) => one + 1).join(" · "), text("channels")),
  ];
}

function similarityFacts(shown) {
  const { columns } = stageNow().tokens;
  const nearest = shown.map(({ query, map }) => twinOf(map.values, query[0] * columns + query[1]));
  const likeness = shown.map(({ map }) => likenessOf(map.values));
  return [
    tokenFact(shown),
    fact("similarity", several(likeness.map((one) => one.mean), digits), text("cosine")),
    fact("twin", nearest.map((token) => placeOf([Math.floor(token / columns), token % columns])).join(" | "),
      text("fact", { label: text("cosine"), value: several(shown.map(({ map }, index) => map.values[nearest[index]]), digits) })),
    fact("alike", several(likeness.map((one) => one.alike), String), text("above half")),
  ];
}

/** The token most like another one, itself left out. */
function twinOf(values, token) {
  let best = token === 0 && values.length > 1 ? 1 : 0;
  for (let i = 0; i < values.length; i++) if (i !== token && values[i] > values[best]) best = i;
  return best;
}

function rolloutFacts(shown) {
  const { query, map } = shown.at(-1);
  return [
    tokenFact(shown),
    fact("class", classNow().label),
    fact("share", text("times", { times: digits(valueAt(map, query) / map.baseline) }), text("uniform", { value: percent(map.baseline) })),
    fact("half", String(halfOf(map.values)), text("of pixels", { count: map.values.length })),
  ];
}

function evidenceFacts(shown) {
  const { query, map } = shown.at(-1);
  const { label, probability } = classNow();
  const [low, high] = extremesOf(map.values).map(digits);
  return [
    tokenFact(shown),
    fact("class", label),
    fact("probability", percent(probability)),
    fact("method", text(`option.${map.method}`), ofStage()),
    fact("evidence", digits(valueAt(map, query)), text("range", { low, high })),
  ];
}

function fixed(value) {
  return value.toFixed(2);
}

/** One or two values side by side; of more, the smallest and the largest. */
function several(values, show) {
  if (values.length <= 2) return values.map(show).join(" | ");
  return `${show(Math.min(...values))}–${show(Math.max(...values))}`;
}

/** The same as one sentence, for ears. */
export function sentenceOf(shown, facts) {
  const pinned = state.pins.length ? text("sentence.pinned") : "";
  if (selection.view === "attention" || selection.view === "attention_cls") return pinned + shown.map(attentionSentence).join(text("sentences"));
  const told = facts.map((one) => text(one.sub ? "fact with sub" : "fact", one)).join(text("facts"));
  return pinned + text("sentence.facts", { view: text(`view.${selection.view}`), stage: selection.stage, facts: told });
}

function attentionSentence({ query, head, map }) {
  const { heads, has_cls } = stageNow();
  return text("sentence.attention", {
    token: query === "cls" ? text("token cls") : text("sentence.token", { row: query[0] + 1, column: query[1] + 1 }),
    stage: selection.stage,
    block: selection.block + 1,
    head: head === "mean" ? text("sentence.head.mean", { count: heads }) : text("sentence.head", { head: head + 1, count: heads }),
    entropy: fixed(entropyOf(map.row)),
    uniform: fixed(Math.log2(map.row.length)),
    half: halfOf(map.values),
    keys: map.values.length,
    cls: has_cls ? text("sentence.cls", { share: percent(map.row[0]) }) : "",
  });
}
