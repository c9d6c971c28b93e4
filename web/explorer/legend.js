/* What stands below the picture: its facts, and the colour scale in words and ticks. */

import { paletteFor } from "../shared/colour.js";
import { make, setText } from "../shared/dom.js";
import { setTerms } from "../shared/glossary.js";
import { digits } from "../shared/words.js";
import { factsOf, nameOf, sentenceOf } from "./facts.js";

/** @import { DrawnMap, Kind, Shown, Words } from "../types.js" */
/** @import { Drawn, Fact } from "./facts.js" */
/** @import { State } from "./state.js" */

/** @typedef {{ name: string, ticks: { name: string, at: number, text: string }[] }} LegendText `at` from 0 to 1 */

const STILL = 350; // milliseconds without a move after which a sentence is worth hearing

/** The words and numbers of one explorer. */
export class Legend {
  /** @param {State} state */
  constructor(state) {
    this.state = state;
    this.saying = 0;
    /** @type {Kind | null} */
    this.drawn = null;
  }

  /**
   * The line of words and numbers, at once; the sentence for ears when the pointer has come to rest.
   * @param {Shown[]} shown
   */
  say(shown) {
    const { state } = this;
    const drawn = shown[0]?.map ? /** @type {Drawn[]} */ (shown) : null;
    const facts = drawn ? factsOf(state, drawn) : [];
    showFacts(state.text, state.part(".facts"), facts);
    const names = shown.map((map) => (shown.length > 1 ? nameOf(state, map) : ""));
    names.forEach((name, index) => setText(state.panels[index].caption, name));
    const sentence = drawn ? sentenceOf(state, drawn, facts) : "";
    clearTimeout(this.saying);
    this.saying = window.setTimeout(() => {
      setText(state.part(".sentence"), sentence);
      state.panels.forEach((panel, index) => panel.picture.setAttribute("aria-label", names[index] || sentence));
    }, STILL);
  }

  /** @param {DrawnMap | null} map */
  show(map) {
    const { state } = this;
    state.part(".legend").classList.toggle("without", !map);
    if (!map) return;
    const { name, ticks } = legendOf(state, map);
    if (this.drawn !== map.kind) {
      drawScale(/** @type {HTMLCanvasElement} */ (state.part(".scale canvas")), paletteFor(state.theme, map.kind));
    }
    this.drawn = map.kind;
    setText(state.part(".scale-name .said"), name);
    for (const node of /** @type {NodeListOf<HTMLElement>} */ (state.root.querySelectorAll(".tick"))) {
      const tick = ticks.find(({ name }) => node.classList.contains(name));
      node.hidden = !tick;
      setText(node, tick?.text ?? "");
      if (tick?.name === "uniform") node.style.left = `${tick.at * 100}%`;
    }
    const told = ticks.map((tick) => tick.text).join(state.text("ticks"));
    state.part(".scale").setAttribute("aria-label", state.text("legend", { name, ticks: told }));
  }

  /** Say nothing any more. */
  stop() {
    clearTimeout(this.saying);
  }
}

/**
 * A list whose nodes stay: only their text changes.
 * @param {Words} words
 * @param {HTMLElement} list
 * @param {Fact[]} facts
 */
function showFacts(words, list, facts) {
  while (list.children.length > facts.length) list.lastChild?.remove();
  while (list.children.length < facts.length) {
    list.append(make("div", {}, make("dt"), make("dd"), make("dd", { class: "sub" })));
  }
  facts.forEach(({ label, value, sub }, index) => {
    const [name, number, more] = /** @type {HTMLCollectionOf<HTMLElement>} */ (list.children[index].children);
    setTerms(name, words, label);
    setText(number, value);
    setTerms(more, words, sub);
  });
}

/**
 * The scale in words and ticks.
 * @param {State} state
 * @param {DrawnMap} map
 * @returns {LegendText}
 */
export function legendOf(state, map) {
  const { view, stretched, channel, text, theme } = state;
  const { low, high, below, above } = state.scale ?? { low: 0, high: 1, below: false, above: false };
  const features = `feature.${channel === "norm" ? "norm" : "channel"}`;
  const kind =
    view === "feature"
      ? features
      : view.startsWith("attention")
        ? "distribution"
        : map.method && view !== "rollout"
          ? "class_evidence"
          : view;
  const show = map.kind === "distribution" ? state.percent : digits;
  const ticks = [
    { name: "low", at: 0, text: below ? text("or less", { value: show(low) }) : show(low) },
    { name: "high", at: 1, text: above ? text("or more", { value: show(high) }) : show(high) },
  ];
  const at = map.baseline ? (map.baseline - low) / (high - low) : -1;
  if (map.baseline && at >= 0 && at <= 1) {
    ticks.splice(1, 0, { name: "uniform", at, text: text("uniform", { value: show(map.baseline) }) });
  }
  const reach = theme.colours.distribution.uniform;
  return { name: text(stretched ? "scale.stretched" : `scale.${kind}`, { unit: text(`unit.${kind}`), reach }), ticks };
}

/**
 * A palette as a strip of 256 pixels.
 * @param {HTMLCanvasElement} canvas
 * @param {Uint32Array} palette
 */
export function drawScale(canvas, palette) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(256, 1);
  new Uint32Array(image.data.buffer).set(palette);
  context.putImageData(image, 0, 0);
}
