/* Before and after, side by side: what the model sees, what it says, and a map of each stage. */

import { make } from "../shared/dom.js";
import { inPercent } from "../shared/words.js";

/** @import { Words } from "../types.js" */
/** @import { MapName, Side, Trial } from "./types.js" */

const NAMES = /** @type {const} */ (["before", "after"]);

/**
 * Columns of three: a heading, before, after.
 * @param {Words} text
 * @param {Trial} trial
 * @param {number} stages
 * @param {MapName} maps which are shown
 * @param {HTMLElement} photo holds the photo after, and outlasts this drawing
 */
export function figureOf(text, trial, stages, maps, photo) {
  const label = text.className(trial.before.winner.label);
  const seen = (/** @type {Side} */ { height, width }) => text("seen", { height, width });
  photo.replaceChildren(make("img", { src: trial.after.picture.url, alt: text("photo.after") }));
  const columns = [
    make("h3", {}, text("column.photo")),
    cell(text("before"), make("img", { src: trial.before.picture.url, alt: text("photo.before") }), seen(trial.before)),
    cell(text("after"), photo, seen(trial.after)),
    make("h3", {}, text("column.answer")),
    ...NAMES.map((name) => answer(text, trial, name)),
  ];
  for (let stage = 0; stage < stages; stage++) {
    const found = trial.maps[stage];
    columns.push(make("h3", {}, text("column.stage", { stage: stage + 1 })));
    for (const name of NAMES) {
      const alt = text(`map.${maps}`, { stage: stage + 1, label, when: text(name) });
      const picture = found ? make("img", { src: found[maps][name].url, alt }) : make("span", { class: "awaited" });
      columns.push(cell("", picture, name === "after" && found ? alike(text, found.alike) : ""));
    }
  }
  return columns;
}

/**
 * @param {string} name
 * @param {HTMLElement} picture
 * @param {string} below
 */
function cell(name, picture, below) {
  const tag = name ? [make("span", { class: "tag" }, name)] : [];
  return make("figure", { class: "cell" }, picture, ...tag, make("figcaption", {}, below));
}

/**
 * @param {Words} text
 * @param {number | null} value
 */
function alike(text, value) {
  return value === null ? text("alike.none") : text("alike", { value: value.toFixed(2).replace("-", "−") });
}

/**
 * The likeliest classes, and the one that was it before where it is no longer among them.
 * @param {Words} text
 * @param {Trial} trial
 * @param {"before" | "after"} name
 */
function answer(text, trial, name) {
  const { classes, winner } = trial[name];
  const lost = classes.some(({ index }) => index === winner.index) ? [] : [winner];
  const lines = [...classes.slice(0, classes.length - lost.length), ...lost].map(({ index, label, probability }) =>
    make(
      "li",
      { class: index === winner.index ? "winner" : "", "data-class": index, "data-probability": probability },
      make("span", { class: "name" }, text.className(label)),
      make("span", { class: "share" }, text("percent", { share: inPercent(probability) })),
      make("span", { class: "bar", "aria-hidden": "true" }, make("i", { style: `width: ${100 * probability}%` })),
    ),
  );
  return make("ol", { class: "answer", "data-side": name, "aria-label": text(name) }, ...lines);
}
