/* The strip: stage by stage, the grid it works on, its features and its attention, each drawn on the photo. */

import { decodePalette } from "../shared/colour.js";
import { make, useStyle } from "../shared/dom.js";

/** @import { FileLink, Host, Part, StageCard, StagePicture, StagesValue, Theme } from "../types.js" */

const STOPS = 16; // colours of a palette that a gradient is made of

/**
 * Root `#stages`, with one `[data-stage]` child per stage; choosing one opens that stage in the page's explorer.
 * @param {HTMLElement} element
 * @param {Host<StagesValue>} host
 * @returns {Part}
 */
export function mount(element, host) {
  useStyle(new URL("stages.css", import.meta.url));
  const { words } = host;
  const root = make("div", { id: "stages", role: "list" });
  element.replaceChildren(root);

  const mark = (/** @type {string | number | undefined} */ stage) => {
    for (const card of /** @type {HTMLCollectionOf<HTMLElement>} */ (root.children)) {
      card.toggleAttribute("data-current", card.dataset.stage === String(stage));
    }
  };
  const update = () => {
    const { value } = host;
    root.replaceChildren(...(value?.cards ?? []).map((card) => drawCard(host, card)));
    root.dataset.state = value ? "ready" : "empty";
    mark(explorer()?.dataset.stage);
  };
  const hear = (/** @type {Event} */ event) => mark(/** @type {CustomEvent} */ (event).detail?.stage);
  // On its way down: hosts may keep events from coming back up.
  document.addEventListener("explorer:change", hear, true);
  root.lang = words.language;
  host.watch(update);
  update();
  return {
    update,
    destroy: () => {
      document.removeEventListener("explorer:change", hear, true);
      root.remove();
    },
  };
}

/** @returns {(HTMLElement & { explorer?: { open(wish: object): Promise<void> } }) | null} */
function explorer() {
  return document.querySelector("#explorer");
}

/** @param {number} stage */
function open(stage) {
  const root = explorer();
  root?.explorer?.open({ stage });
  root?.scrollIntoView({ behavior: "smooth", block: "nearest" });
}

/**
 * @param {Host<StagesValue>} host
 * @param {StageCard} card
 */
function drawCard({ value, words, theme }, card) {
  const { numbers, has_cls } = card;
  const size = { width: value?.width ?? 0, height: value?.height ?? 0 };
  const grid = figure("grid", card.grid, words("grid_alt", numbers), words("grid", numbers), size);
  const heatmap = (/** @type {string} */ name, /** @type {StagePicture} */ picture, /** @type {string} */ caption) => {
    const node = figure(name, picture.file, picture.alt[words.language], words(caption), size);
    if (picture.ticks.length) node.append(drawScale(theme, words.language, picture));
    return node;
  };
  const item = make(
    "div",
    { class: "card", "data-stage": numbers.stage, role: "listitem" },
    make("button", { class: "title", type: "button", title: words("open", numbers) }, words("name", numbers)),
    make(
      "div",
      { class: "intro" },
      grid,
      make("p", { class: "facts" }, words(has_cls ? "facts_cls" : "facts", numbers)),
    ),
    make(
      "div",
      { class: "maps" },
      heatmap("feature", card.feature, "feature"),
      heatmap("attention", card.attention, has_cls ? "attention_cls" : "attention_received"),
    ),
  );
  item.addEventListener("click", () => open(numbers.stage));
  return item;
}

/**
 * @param {string} name
 * @param {FileLink} file
 * @param {string} alt
 * @param {string} caption
 * @param {{ width: number, height: number }} size
 */
function figure(name, file, alt, caption, size) {
  const image = make("img", { src: file.url, alt, ...size });
  return make("figure", { class: name }, image, make("figcaption", {}, caption));
}

/**
 * @param {Theme} theme
 * @param {string} language
 * @param {StagePicture} picture
 */
function drawScale({ palettes, colours }, language, { kind, ticks }) {
  const bar = make("div", { class: "bar" });
  bar.style.background = `linear-gradient(to right, ${stops(palettes[colours[kind].palette]).join(", ")})`;
  const scale = make("div", { class: "scale" }, bar);
  for (const { at, text } of ticks) {
    const label = make("span", { class: "tick", "data-side": sideOf(at) }, text[language]);
    label.style.left = `${100 * at}%`;
    scale.append(label);
    if (at > 0 && at < 1) {
      const line = make("span", { class: "baseline" });
      line.style.left = label.style.left;
      scale.append(line);
    }
  }
  return scale;
}

/**
 * Some of a palette's colours at even distances, as CSS.
 * @param {string} palette
 */
export function stops(palette) {
  const words = decodePalette(palette);
  return Array.from({ length: STOPS }, (_, index) => {
    const word = words[(index * (words.length - 1)) / (STOPS - 1)];
    return `rgb(${word & 255} ${(word >> 8) & 255} ${(word >> 16) & 255})`;
  });
}

/**
 * Numbers at the ends keep inside the scale; those between stand on a line of their own, under a mark.
 * @param {number} at
 */
function sideOf(at) {
  if (at <= 0) return "start";
  if (at >= 1) return "end";
  return at < 0.35 ? "mark-start" : at > 0.65 ? "mark-end" : "mark";
}
