/* Everything around the picture: selects, explanation, facts, colour scale and notices. All text goes in as text. */

import { SHARED_REACH } from "./pure.js";
import { drawScale } from "./draw.js";
import { digits, factsOf, nameOf, percent, sentenceOf } from "./words.js";
import { PALETTE_OF, USES, VIEWS, classNow, control, countsNow, part, root, selection, setText, spoken, stageNow, state, text } from "./state.js";

/** Fill a select with [value, words] where they have changed, and choose one. */
function fillSelect(select, entries, chosen) {
  const signature = JSON.stringify(entries);
  if (select.dataset.options !== signature) {
    select.replaceChildren(...entries.map(([value, words]) => new Option(words, value)));
    select.dataset.options = signature;
  }
  select.value = String(chosen);
}

/** Words that depend on the language alone. */
export function prepareControls() {
  root.lang = spoken;
  for (const node of root.querySelectorAll("[data-text]")) node.textContent = text(node.dataset.text);
  part(".frame").setAttribute("aria-label", text("label"));
  fillSelect(control("view"), VIEWS.map((view) => [view, text(`view.${view}`)]), selection.view);
  fillSelect(control("scale"), ["shared", "stretched"].map((name) => [name, text(`option.${name}`)]), "shared");
  reserve(part(".explanation"), "explain.", { keys: 1000, queries: 1000, channels: 1000, class: "garbage truck" });
  reserve(part(".scale-name"), "scale.", { unit: text("unit.feature.norm"), reach: SHARED_REACH });
}

/** Make room for the longest text that may stand in a node, by unseen copies of all of them in the same place. */
function reserve(node, prefix, values) {
  for (const name of Object.keys(TEXTS[spoken]).filter((one) => one.startsWith(prefix))) {
    const ghost = document.createElement("span");
    ghost.className = "ghost";
    ghost.textContent = text(name, values);
    node.append(ghost);
  }
}

/** Make every select say what is chosen, and offer what this stage has. */
export function refreshControls() {
  const { stages } = state.current;
  const { blocks, heads, channels, methods } = stageNow();
  const numbered = (count, name) => Array.from({ length: count }, (_, index) => [index, text(`option.${name}`, { [name]: index + 1, count })]);
  fillSelect(control("stage"), numbered(stages.length, "stage").map(([index, words]) => [index + 1, words]), selection.stage);
  fillSelect(control("block"), numbered(blocks.length, "block"), selection.block);
  const together = [["mean", text("option.head.mean", { count: heads })], ["all", text("option.head.all")]];
  const alone = [[selection.head, text("option.head", { head: 1, count: 1 })]];
  fillSelect(control("head"), heads > 1 ? [...together, ...numbered(heads, "head")] : alone, selection.head);
  fillSelect(control("channel"), [["norm", text("option.channel.norm")], ...numbered(channels, "channel")], selection.channel);
  fillSelect(control("method"), methods.map((name) => [name, text(`option.${name}`)]), selection.method);
  const known = state.current.value.classes;
  const classes = known.includes(classNow()) ? known : [...known, classNow()];
  fillSelect(control("target"), classes.map(classOption), selection.target);
  control("view").value = selection.view;
  for (const name of ["stage", "block", "head", "channel", "method", "target"]) {
    const used = USES[selection.view].includes(name);
    control(name).disabled = !used;
    control(name).closest("label").classList.toggle("unused", !used);
  }
  setText(part(".explanation .said"), explanation());
}

function classOption({ index, label, probability }) {
  return [index, probability === null ? label : text("option.class", { class: label, probability: percent(probability) })];
}

function explanation() {
  const { view, channel, method } = selection;
  const kinds = { feature: `feature.${channel === "norm" ? "norm" : "channel"}`, class_evidence: `class_evidence.${method}` };
  const kind = kinds[view] ?? view;
  const none = view === "attention_cls" && !stageNow().has_cls ? ".none" : "";
  return text(`explain.${kind}${none}`, { ...countsNow(), class: classNow().label });
}

// ---- facts -----------------------------------------------------------------------------------------------------

let saying = 0;

/** The line of words and numbers, at once; the sentence for ears when the pointer has come to rest. */
export function say(shown) {
  const facts = shown[0]?.map ? factsOf(shown) : [];
  showFacts(part(".facts"), facts);
  shown.forEach((one, index) => setText(state.panels[index].caption, shown.length > 1 ? nameOf(one) : ""));
  const sentence = shown[0]?.map ? sentenceOf(shown, facts) : "";
  clearTimeout(saying);
  saying = setTimeout(() => {
    setText(part(".sentence"), sentence);
    state.panels.forEach((panel, index) => panel.picture.setAttribute("aria-label", shown.length > 1 ? nameOf(shown[index]) : sentence));
  }, 350);
}

/** A list whose nodes stay: only their text changes. */
function showFacts(list, facts) {
  while (list.children.length > facts.length) list.lastChild.remove();
  while (list.children.length < facts.length) {
    const item = list.appendChild(document.createElement("div"));
    item.append(document.createElement("dt"), document.createElement("dd"), document.createElement("dd"));
    item.lastChild.className = "sub";
  }
  facts.forEach(({ label, value, sub }, index) => {
    const [term, number, more] = list.children[index].children;
    setText(term, label);
    setText(number, value);
    setText(more, sub);
  });
}

// ---- colour scale ----------------------------------------------------------------------------------------------

/** The scale in words and ticks: { name, ticks: [{ name, at, text }] }, `at` from 0 to 1. */
export function legendOf(map) {
  const { view, stretched, channel } = selection;
  const { scale } = state;
  const kind = view === "feature" ? `feature.${channel === "norm" ? "norm" : "channel"}` : view.startsWith("attention") ? "distribution" : view;
  const show = map.kind === "distribution" ? percent : digits;
  const named = stretched ? "scale.stretched" : `scale.${kind}`;
  const ticks = [
    { name: "low", at: 0, text: scale.below ? text("or less", { value: show(scale.low) }) : show(scale.low) },
    { name: "high", at: 1, text: scale.above ? text("or more", { value: show(scale.high) }) : show(scale.high) },
  ];
  const at = map.baseline ? (map.baseline - scale.low) / (scale.high - scale.low) : -1;
  if (at >= 0 && at <= 1) ticks.splice(1, 0, { name: "uniform", at, text: text("uniform", { value: show(map.baseline) }) });
  return { name: text(named, { unit: text(`unit.${kind}`), reach: SHARED_REACH }), ticks };
}

let scaleShown = null;

export function showLegend(map) {
  part(".legend").classList.toggle("without", !map);
  if (!map) return;
  const { name, ticks } = legendOf(map);
  if (scaleShown !== map.kind) drawScale(part(".scale canvas"), PALETTE_OF[map.kind]);
  scaleShown = map.kind;
  setText(part(".scale-name .said"), name);
  for (const node of root.querySelectorAll(".tick")) {
    const tick = ticks.find((one) => node.classList.contains(one.name));
    node.hidden = !tick;
    setText(node, tick?.text ?? "");
    if (tick?.name === "uniform") node.style.left = `${tick.at * 100}%`;
  }
  const told = ticks.map((tick) => tick.text).join(text("ticks"));
  part(".scale").setAttribute("aria-label", text("legend", { name, ticks: told }));
}

// ---- state and notices -----------------------------------------------------------------------------------------

let noticing = 0;

/** What the root says of itself. Words about waiting come only where there is something to wait for. */
export function setState(name, words, action, act) {
  root.dataset.state = name;
  root.setAttribute("aria-busy", String(name === "loading"));
  clearTimeout(noticing);
  if (name === "loading") noticing = setTimeout(() => notice(words), 250);
  else if (words) notice(words, action, act);
}

export function notice(words, action, act) {
  const box = part(".notice");
  const button = box.querySelector("button");
  box.hidden = !words;
  setText(box.querySelector("p"), words ?? "");
  button.hidden = !action;
  setText(button, action ?? "");
  button.onclick = act ?? null;
}

export function message(words) {
  setText(part(".message"), words);
}
