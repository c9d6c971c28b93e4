/* Words and numbers: what a picture says, as facts to be read beside it and as one sentence. */

import { entropy, extremes, fill, keysForHalf, percent, strongestChannels } from "./pure.js";

/** The texts of a language as a function: text("name", { values }). */
export function speaker(language) {
  const texts = TEXTS[language];
  return (name, values = {}) => fill(texts[name] ?? name, values);
}

export function language(search) {
  const wanted = new URLSearchParams(search).get("lang") ?? navigator.language ?? "en";
  return wanted.toLowerCase().startsWith("ja") ? "ja" : "en";
}

/** A number with about three digits, and a true minus. */
export function digits(value) {
  const size = Math.abs(value);
  const text = size >= 1000 || (size > 0 && size < 0.001) ? value.toExponential(1) : value.toPrecision(3);
  return text.replace("-", "−");
}

/** A token in words: "row, column", counted from 1. */
export function placeOf(text, query) {
  return query === "cls" ? text("token cls") : text("place", { row: query[0] + 1, column: query[1] + 1 });
}

/** Numbers of one distribution over keys. */
export function spread(map) {
  return { entropy: entropy(map.row), half: keysForHalf(map.values), keys: map.values.length, cls: map.row.length > map.values.length ? map.row[0] : null };
}

/** The facts of a view: [{ label, value, sub }], and where a number differs between panels, both ends. */
export function factsOf(text, context) {
  const { view, panels, stages, selection } = context;
  const stage = stages[selection.stage - 1];
  const many = (values, show) => shown(values, show);
  const tokens = {
    label: text("fact.token"),
    value: [...new Set(panels.map((panel) => placeOf(text, panel.query)))].join(" | "),
    sub: text("row column", stage.tokens),
  };
  if (view === "attention" || view === "attention_cls" || view === "attention_received") {
    const numbers = panels.map((panel) => spread(panel.map));
    const uniform = Math.log2(panels[0].map.row.length).toFixed(2);
    const joins = stages.findIndex((one) => one.has_cls) + 1;
    return [
      view === "attention_received" ? { label: text("fact.token"), value: text("token mean"), sub: text("of count", { count: stage.tokens.rows * stage.tokens.columns + (stage.has_cls ? 1 : 0) }) } : { ...tokens, sub: panels[0].query === "cls" ? "" : tokens.sub },
      { label: text("fact.block"), value: text("option.block", { block: selection.block + 1, count: stage.blocks.length }), sub: text("of stage", { stage: selection.stage, count: stages.length }) },
      headFact(text, selection.head, stage.heads),
      { label: text("fact.entropy"), value: text("bits", { bits: many(numbers.map((n) => n.entropy), (v) => v.toFixed(2)) }), sub: text("uniform bits", { bits: uniform }) },
      { label: text("fact.half"), value: text("keys", { count: many(numbers.map((n) => n.half), String) }), sub: text("of count", { count: numbers[0].keys }) },
      numbers[0].cls === null
        ? { label: text("fact.cls"), value: text("no cls"), sub: joins ? text("cls from", { stage: joins }) : "" }
        : { label: text("fact.cls"), value: many(numbers.map((n) => n.cls), percent), sub: text("one key", { count: panels[0].map.row.length }), swatch: numbers[0].cls },
    ];
  }
  const [{ query, map }] = panels;
  const here = query === "cls" ? null : context.valueAt(map, query);
  if (view === "feature") {
    const { features, channel } = context;
    const [low, high] = extremes(map.values);
    const facts = [
      tokens,
      { label: text("fact.channel"), value: channel === "norm" ? text("option.channel.norm") : text("option.channel", { channel: channel + 1, count: stage.channels }), sub: text("of stage", { stage: selection.stage, count: stages.length }) },
      { label: text("fact.value"), value: here === null ? "–" : digits(here), sub: text("range", { low: digits(low), high: digits(high) }) },
    ];
    if (query === "cls") return facts;
    const strongest = strongestChannels(features, features.spread, query[0] * stage.tokens.columns + query[1], 3);
    return [...facts, { label: text("fact.standout"), value: strongest.map((c) => c + 1).join(" · "), sub: text("channels") }];
  }
  if (view === "similarity") {
    const mean = map.values.reduce((sum, v) => sum + v, 0) / map.values.length;
    const own = query[0] * stage.tokens.columns + query[1];
    let twin = own === 0 ? 1 : 0;
    map.values.forEach((value, index) => { if (index !== own && value > map.values[twin]) twin = index; });
    return [
      tokens,
      { label: text("fact.similarity"), value: digits(mean), sub: text("cosine") },
      { label: text("fact.twin"), value: placeOf(text, [Math.floor(twin / stage.tokens.columns), twin % stage.tokens.columns]), sub: `${text("cosine")} ${digits(map.values[twin] ?? 1)}` },
      { label: text("fact.alike"), value: String(map.values.filter((value) => value > 0.5).length), sub: text("above half") },
    ];
  }
  const share = (value) => (value === null ? "–" : percent(value));
  if (view === "rollout") {
    return [
      tokens,
      { label: text("fact.share"), value: here === null ? "–" : `${digits(here / map.baseline)} ×`, sub: text("uniform", { value: share(map.baseline) }) },
      { label: text("fact.half"), value: text("pixels", { count: keysForHalf(map.values) }), sub: text("of count", { count: map.values.length }) },
    ];
  }
  return [
    { label: text("fact.class"), value: context.target.label, sub: "" },
    { label: text("fact.probability"), value: percent(context.target.probability), sub: "" },
    { label: text("fact.method"), value: text(`option.${map.method}`), sub: text("of stage", { stage: selection.stage, count: stages.length }) },
    { label: text("fact.evidence"), value: here === null ? "–" : digits(here), sub: text("range", { low: digits(extremes(map.values)[0]), high: digits(extremes(map.values)[1]) }) },
  ];
}

function headFact(text, head, count) {
  return head === "mean" || head === "all"
    ? { label: text("fact.head"), value: text(head === "mean" ? "mean" : "option.head.all"), sub: text("mean of", { count }) }
    : { label: text("fact.head"), value: text("option.head", { head: head + 1, count }), sub: "" };
}

/** Two values side by side; of more, the smallest and the largest. */
function shown(values, show) {
  if (values.length <= 2) return values.map(show).join(" | ");
  return `${show(Math.min(...values))} – ${show(Math.max(...values))}`;
}

/** The same as one sentence, for ears. */
export function sentenceOf(text, context, facts) {
  const { view, panels, selection, stages } = context;
  const stage = stages[selection.stage - 1];
  const pinned = context.pinned ? text("sentence.pinned") : "";
  if (view === "attention" || view === "attention_cls") {
    return pinned + panels.map(({ query, map }) => {
      const numbers = spread(map);
      const head = selection.head === "mean" || selection.head === "all" ? "sentence.head.mean" : "sentence.head";
      return text("sentence.attention", {
        token: query === "cls" ? text("token cls") : text("sentence.token", { row: query[0] + 1, column: query[1] + 1 }),
        stage: selection.stage, block: selection.block + 1, head: text(head, { head: Number(selection.head) + 1, count: stage.heads }),
        entropy: numbers.entropy.toFixed(2), uniform: Math.log2(map.row.length).toFixed(2), half: numbers.half, keys: numbers.keys,
        cls: numbers.cls === null ? "" : text("sentence.cls", { share: percent(numbers.cls) }),
      });
    }).join(" ");
  }
  const told = facts.map(({ label, value, sub }) => [label, value, sub].filter(Boolean).join(" ")).join("; ");
  return pinned + text("sentence.facts", { view: text(`view.${view}`), stage: selection.stage, facts: told });
}
