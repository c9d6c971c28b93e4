/* The explorer's lasting nodes: everything that only changes its text or its drawing later. */

import { make } from "../shared/dom.js";
import { explain, withTerms } from "../shared/glossary.js";
import { fadeEdges } from "../shared/overflow.js";
import { FORMATS } from "./figure.js";
import { QUESTIONS } from "./state.js";

/** @import { Words } from "../types.js" */

export const NARROW = "(max-width: 767px)"; // where there is no room beside the map

/**
 * @param {Words} text
 * @returns {HTMLElement}
 */
export function skeleton(text) {
  return make(
    "section",
    { id: "explorer", "data-state": "empty", "aria-label": text("name"), lang: text.language, tabindex: -1 },
    make(
      "div",
      { class: "asking" },
      questions(text),
      make("button", { type: "button", name: "present" }, text("present")),
    ),
    make("div", { class: "body" }, picture(text), side(text)),
    make("p", { id: "explorer-help", class: "unseen" }, text("help")),
    make("p", { class: "unseen sentence", "aria-live": "polite" }),
  );
}

/** @param {Words} text */
function questions(text) {
  const buttons = Object.keys(QUESTIONS).map((name) =>
    make("button", { type: "button", "data-question": name }, text(`question.${name}`)),
  );
  const row = make("div", { class: "questions", role: "group", "aria-label": text("questions") }, ...buttons);
  fadeEdges(row);
  return row;
}

/**
 * The map, its scale, and what it says.
 * @param {Words} text
 */
function picture(text) {
  const said = () => make("span", { class: "said" });
  return make(
    "div",
    { class: "main" },
    make(
      "div",
      {
        class: "frame",
        tabindex: 0,
        role: "application",
        "aria-describedby": "explorer-help",
        "aria-label": text("label"),
      },
      make("div", { class: "panels" }),
      make("div", { class: "notice", hidden: true }, make("p"), make("button", { type: "button" })),
    ),
    make(
      "div",
      { class: "legend" },
      make(
        "div",
        { class: "scale", role: "img" },
        make("canvas", { width: 256, height: 1 }),
        ...["low", "uniform", "high"].map((name) => make("span", { class: `tick ${name}` })),
      ),
      make("p", { class: "scale-name" }, said()),
    ),
    make("p", { class: "explanation" }, said()),
  );
}

/**
 * What stands beside the map; where there is no room, it is folded below.
 * @param {Words} text
 */
function side(text) {
  return make(
    "details",
    { class: "side" },
    make("summary", {}, text("more")),
    make("dl", { class: "facts" }),
    make(
      "div",
      { class: "controls" },
      choice(text, "stage", "stage"),
      make("div", { class: "slot" }, ...["block", "channel", "against"].map((name) => choice(text, name, name))),
      make("div", { class: "slot" }, choice(text, "head", "head"), choice(text, "class", "target")),
    ),
    make(
      "details",
      { class: "others" },
      make("summary", {}, text("others")),
      choice(text, "view", "view"),
      choice(text, "method", "method"),
    ),
    tools(text),
  );
}

/**
 * @param {Words} text
 * @param {string} label
 * @param {string} name
 */
function choice(text, label, name) {
  const id = `explorer-${name}`; // a term in the label can be pressed too, so the label has to say what it is for
  return make("label", { for: id }, make("span", {}, ...withTerms(text, text(label))), make("select", { id, name }));
}

/** @param {Words} text */
function figures(text) {
  const formats = FORMATS.map((name) => make("button", { type: "button", name }, name.toUpperCase()));
  const label = make("span", { id: "explorer-figure" }, text("figure"));
  return make("span", { class: "figures", role: "group", "aria-labelledby": label.id }, label, ...formats);
}

/** @param {Words} text */
function tools(text) {
  const field = make(
    "label",
    { class: "check" },
    make("input", { name: "field", type: "checkbox" }),
    make("span", {}, text("field")),
  );
  explain(field, text, "receptive field");
  const opacity = { name: "opacity", type: "range", min: 0, max: 1, step: 0.05, value: 0.6 };
  return make(
    "div",
    { class: "tools" },
    choice(text, "scale", "scale"),
    make("label", { class: "range" }, make("span", {}, text("opacity")), make("input", opacity)),
    field,
    make(
      "span",
      { class: "buttons" },
      ...["number", "save", "share"].map((name) => make("button", { type: "button", name }, text(name))),
    ),
    figures(text),
    make("p", { class: "message", role: "status" }),
  );
}
