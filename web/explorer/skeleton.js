/* The explorer's lasting nodes: everything that only changes its text or its drawing later. */

import { make } from "../shared/dom.js";

/** @import { Words } from "../types.js" */

/**
 * @param {Words} text
 * @returns {HTMLElement}
 */
export function skeleton(text) {
  const said = () => make("span", { class: "said" });
  return make(
    "section",
    { id: "explorer", class: "explorer", "data-state": "empty", lang: text.language },
    make(
      "div",
      { class: "controls" },
      choice(text, "view", "view", "wide"),
      choice(text, "stage", "stage"),
      make("div", { class: "slot" }, ...["block", "channel", "method"].map((name) => choice(text, name, name))),
      make("div", { class: "slot" }, choice(text, "head", "head"), choice(text, "class", "target")),
    ),
    make("p", { class: "explanation" }, said()),
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
    make("dl", { class: "facts" }),
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
    tools(text),
    make("p", { id: "explorer-help", class: "unseen" }, text("help")),
    make("p", { class: "unseen sentence", "aria-live": "polite" }),
  );
}

/**
 * @param {Words} text
 * @param {string} label
 * @param {string} name
 * @param {string | false} [kind]
 */
function choice(text, label, name, kind = false) {
  return make("label", { class: kind }, make("span", {}, text(label)), make("select", { name }));
}

/** @param {Words} text */
function tools(text) {
  const opacity = { name: "opacity", type: "range", min: 0, max: 1, step: 0.05, value: 0.6 };
  return make(
    "div",
    { class: "tools" },
    choice(text, "scale", "scale"),
    make("label", { class: "range" }, make("span", {}, text("opacity")), make("input", opacity)),
    make(
      "label",
      { class: "check" },
      make("input", { name: "field", type: "checkbox" }),
      make("span", {}, text("field")),
    ),
    make(
      "span",
      { class: "buttons" },
      ...["save", "share"].map((name) => make("button", { type: "button", name }, text(name))),
    ),
    make("p", { class: "message", role: "status" }),
  );
}
