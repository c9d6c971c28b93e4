/* What each stage of the model on the page is and costs, as a table. */

import { make } from "../shared/dom.js";
import { term } from "../shared/glossary.js";

/** @import { StageLine, Words } from "../types.js" */

const LINES = /** @type {const} */ ([
  "grid",
  "keys",
  "channels",
  "heads",
  "blocks",
  "field",
  "parameters",
  "multiply_adds",
]);

/**
 * @param {Words} words
 * @param {StageLine[]} stages
 */
export function costTable(words, stages) {
  const head = stages.map((_, index) => make("th", { scope: "col" }, words("stage", { stage: index + 1 })));
  const shown = (/** @type {StageLine} */ stage, /** @type {keyof StageLine} */ name) => {
    const value = stage[name];
    if (Array.isArray(value)) return value.join(" × ");
    return name === "multiply_adds" ? (value / 1e6).toFixed(1) : value.toLocaleString("en");
  };
  const rows = LINES.map((name) => {
    const label = words(`line.${name}`);
    const heading = make("th", { scope: "row" }, label in words.glossary ? term(words, label) : label);
    return make("tr", { "data-line": name }, heading, ...stages.map((stage) => make("td", {}, shown(stage, name))));
  });
  return make(
    "div",
    { class: "costs", tabindex: 0, role: "group", "aria-label": words("costs") },
    make("table", {}, make("thead", {}, make("tr", {}, make("td"), ...head)), make("tbody", {}, ...rows)),
  );
}
