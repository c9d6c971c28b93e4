/* The selects, what they offer, and what the explorer says of itself. */

import { make, setText } from "../shared/dom.js";
import { setTerms, withoutTerms } from "../shared/glossary.js";
import { prepareOpening } from "./opening.js";
import { QUESTIONS, VIEWS } from "./state.js";

/** @import { ClassEntry, Wish } from "../types.js" */
/** @import { Choice, State } from "./state.js" */

/** @type {Choice[]} */
export const CHOICES = ["stage", "block", "head", "channel", "method", "target", "against"];

/**
 * Fill a select with [value, words] where they have changed, and choose one.
 * @param {HTMLSelectElement} select
 * @param {[string | number, string][]} entries
 * @param {string | number} chosen
 */
function fillSelect(select, entries, chosen) {
  const signature = JSON.stringify(entries);
  if (select.dataset.options !== signature) {
    select.replaceChildren(...entries.map(([value, words]) => new Option(words, String(value))));
    select.dataset.options = signature;
  }
  select.value = String(chosen);
}

/**
 * What depends on the language alone.
 * @param {State} state
 */
export function prepareControls(state) {
  const { text, theme } = state;
  prepareOpening(state);
  fillSelect(
    state.control("view"),
    VIEWS.map((view) => [view, text(`view.${view}`)]),
    state.view,
  );
  fillSelect(
    state.control("scale"),
    ["shared", "stretched"].map((name) => [name, text(`option.${name}`)]),
    "shared",
  );
  const most = { keys: 1000, queries: 1000, channels: 1000, class: "garbage truck", other: "garbage truck" };
  reserve(state, ".explanation", "explain.", most);
  reserve(state, ".scale-name", "scale.", {
    unit: text("unit.feature.norm"),
    reach: theme.colours.distribution.uniform,
  });
}

/**
 * Make room for the longest text that may stand in a node, by unseen copies of all of them in the same place.
 * @param {State} state
 * @param {string} selector
 * @param {string} prefix
 * @param {Record<string, unknown>} values
 */
function reserve(state, selector, prefix, values) {
  const texts = state.text.names.filter((name) => name.startsWith(prefix)).map((name) => state.text(name, values));
  const plain = texts.map((text) => withoutTerms(state.text, text));
  state.part(selector).append(...plain.map((text) => make("span", { class: "ghost" }, text)));
}

/**
 * Make every select say what is chosen, and offer what this stage has.
 * @param {State} state
 */
export function refreshControls(state) {
  const { text, stageNow, classNow, photo } = state;
  const { blocks, heads, channels } = stageNow;
  const methods = [...photo.value.methods, ...stageNow.methods];
  /** @type {(count: number, name: string) => [number, string][]} */
  const numbered = (count, name) =>
    Array.from({ length: count }, (_, index) => [index, text(`option.${name}`, { [name]: index + 1, count })]);
  const stages = numbered(photo.stages.length, "stage");
  fillSelect(
    state.control("stage"),
    state.uses("stage")
      ? stages.map(([index, words]) => [index + 1, words])
      : [[state.stage, text("option.stage.whole")]],
    state.stage,
  );
  fillSelect(state.control("block"), numbered(blocks.length, "block"), state.block);
  fillSelect(state.control("head"), headOptions(state, numbered(heads, "head")), state.head);
  const norm = text("option.channel.norm");
  fillSelect(state.control("channel"), [["norm", norm], ...numbered(channels, "channel")], state.channel);
  fillSelect(
    state.control("method"),
    methods.map((name) => [name, methodOption(state, name)]),
    state.method,
  );
  /** @type {(index: number) => [number, string]} */
  const named = (index) => [index, text.className(state.classOf(index).label)];
  const known = photo.value.classes;
  const classes = known.includes(classNow) ? known : [...known, classNow];
  fillSelect(
    state.control("target"),
    classes.map((entry) => [entry.index, className(state, entry)]),
    state.target,
  );
  const others = known.filter((entry) => entry !== classNow).map((entry) => entry.index);
  if (state.against !== null && !others.includes(state.against)) others.push(state.against);
  fillSelect(state.control("against"), [["", text("option.against")], ...others.map(named)], state.against ?? "");
  state.control("view").value = state.view;
  for (const button of questions(state)) {
    const name = button.dataset.question ?? "";
    button.setAttribute("aria-pressed", String(QUESTIONS[name].includes(state.view)));
    button.hidden = name === "gather" && !photo.stages.some((entry) => entry.has_cls);
  }
  for (const name of CHOICES) {
    const select = state.control(name);
    select.disabled = !state.uses(name);
    select.closest("label")?.classList.toggle("unused", select.disabled);
  }
  setTerms(state.part(".explanation .said"), text, explanation(state));
}

/**
 * A method's name, with the figures of its map in this stage where they were measured.
 * @param {State} state
 * @param {string} method
 */
function methodOption({ text, photo, stage }, method) {
  const { methods, measured } = photo.value;
  const place = methods.includes(method) ? null : stage - 1;
  const found = measured.find((entry) => entry.method === method && entry.stage === place);
  const name = text(`option.${method}`);
  const figures = found && { gain: found.gain.toFixed(2), pointing: found.pointing.toFixed(2) };
  return figures ? text("option.measured", { method: name, ...figures }) : name;
}

/**
 * The buttons that ask.
 * @param {State} state
 * @returns {NodeListOf<HTMLButtonElement>}
 */
export function questions({ root }) {
  return root.querySelectorAll("[data-question]");
}

/**
 * What is wished for by asking a question: its best answer, where it can be given.
 * @param {State} state
 * @param {string} name
 * @returns {Wish}
 */
export function asked({ photo, stageNow }, name) {
  const [view] = QUESTIONS[name];
  if (name === "why") return { view, method: photo.value.methods[0] };
  if (name === "gather" && !stageNow.has_cls) {
    return { view, stage: photo.stages.findIndex((entry) => entry.has_cls) + 1 };
  }
  return { view };
}

/**
 * @param {State} state
 * @param {[number, string][]} each
 * @returns {[string | number, string][]}
 */
function headOptions({ head, text }, each) {
  if (each.length === 1) return [[head, text("option.head", { head: 1, count: 1 })]];
  const mean = text("option.head.mean", { count: each.length });
  return [["mean", mean], ["all", text("option.head.all")], ...each];
}

/**
 * @param {State} state
 * @param {ClassEntry} entry
 */
function className({ text, percent }, { label, probability }) {
  const name = text.className(label);
  return probability === null ? name : text("option.class", { class: name, probability: percent(probability) });
}

/** @param {State} state */
function explanation(state) {
  const { view, channel, method, stageNow, counts, classNow, taps, text } = state;
  if (state.uses("against") && state.against !== null) {
    const other = text.className(state.classOf(state.against).label);
    return text("explain.contrast", { class: text.className(classNow.label), other });
  }
  /** @type {Record<string, string>} */
  const kinds = {
    feature: `feature.${channel === "norm" ? "norm" : "channel"}`,
    class_evidence: `class_evidence.${method}`,
    attention: taps ? "attention.tap" : "attention",
  };
  const none = view === "attention_cls" && !stageNow.has_cls ? ".none" : "";
  return text(`explain.${kinds[view] ?? view}${none}`, { ...counts, class: text.className(classNow.label) });
}

/** What the root says of the explorer's state, and words over the picture. */
export class Notices {
  /** @param {State} state */
  constructor(state) {
    this.root = state.root;
    this.box = state.part(".notice");
    this.words = /** @type {HTMLElement} */ (this.box.querySelector("p"));
    this.button = /** @type {HTMLButtonElement} */ (this.box.querySelector("button"));
    this.waiting = 0;
  }

  /**
   * Words about waiting come only where there is something to wait for.
   * @param {"empty" | "loading" | "ready" | "error"} name
   * @param {string} [words]
   * @param {string} [action]
   * @param {() => void} [act]
   */
  setState(name, words = "", action = "", act = undefined) {
    this.root.dataset.state = name;
    this.root.setAttribute("aria-busy", String(name === "loading"));
    clearTimeout(this.waiting);
    if (name === "loading") this.waiting = window.setTimeout(() => this.show(words), 250);
    else if (words) this.show(words, action, act);
  }

  /**
   * @param {string} words none hide the box
   * @param {string} [action]
   * @param {() => void} [act]
   */
  show(words, action = "", act = undefined) {
    this.box.hidden = !words;
    setText(this.words, words);
    this.button.hidden = !action;
    setText(this.button, action);
    this.button.onclick = act ?? null;
  }
}
