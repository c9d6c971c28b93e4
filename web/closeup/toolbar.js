/* What is opened, and where: the kinds of close-ups, and the choices that the one on the screen has. */

import { make, setText } from "../shared/dom.js";
import { CHOICES, KINDS } from "./place.js";

/** @import { Words } from "../types.js" */
/** @import { CloseUpValue, Place } from "./types.js" */

const SELECTS = /** @type {const} */ (["stage", "block", "head"]);

export class Toolbar {
  /**
   * @param {Words} text
   * @param {(wish: Record<string, unknown>) => void} change
   * @param {() => void} close
   */
  constructor(text, change, close) {
    this.text = text;
    this.kinds = KINDS.map((kind) => {
      const button = make("button", { type: "button", "data-kind": kind }, text(`kind.${kind}`));
      button.addEventListener("click", () => change({ kind }));
      return button;
    });
    this.selects = SELECTS.map((name) => {
      const select = make("select", { name: `closeup-${name}` });
      select.addEventListener("change", () => change({ [name]: select.value }));
      return select;
    });
    this.channel = make("input", { name: "closeup-channel", type: "number", min: 1, step: 1 });
    this.channel.addEventListener("change", () => change({ channel: this.channel.value }));
    this.cls = make("button", { type: "button", name: "closeup-cls", "aria-pressed": "false" }, "CLS");
    this.cls.addEventListener("click", () => change({ query: "cls" }));
    this.token = make("output", { class: "token", "aria-live": "polite" });
    this.count = make("small");
    this.title = make("h2", { tabindex: -1 });
    const shut = make(
      "button",
      { type: "button", class: "shut", "aria-label": text("close"), title: text("close") },
      "×",
    );
    shut.addEventListener("click", close);
    this.where = make(
      "div",
      { class: "where" },
      ...SELECTS.map((name, i) => this.labelled(name, this.selects[i])),
      make("div", { "data-choice": "query" }, make("span", {}, text("query")), this.token, this.cls),
      this.labelled("channel", this.channel, this.count),
    );
    const kinds = make("div", { class: "kinds", role: "group", "aria-label": text("kinds") }, ...this.kinds);
    this.node = make("header", {}, make("div", { class: "top" }, this.title, shut), kinds, this.where);
  }

  /**
   * @param {"stage" | "block" | "head" | "channel"} name
   * @param {...Node} inside
   */
  labelled(name, ...inside) {
    return make("label", { "data-choice": name }, make("span", {}, this.text(name)), ...inside);
  }

  /**
   * @param {CloseUpValue} value
   * @param {Place} place
   */
  show(value, place) {
    const { text } = this;
    const { kind } = place;
    const stage = value.stages[place.stage];
    setText(this.title, text(`title.${kind}`));
    for (const button of this.kinds) button.setAttribute("aria-pressed", String(button.dataset.kind === kind));
    for (const node of /** @type {Iterable<HTMLElement>} */ (this.where.children)) {
      node.hidden = !CHOICES[kind].includes(/** @type {any} */ (node.dataset.choice));
    }
    const counts = { stage: value.stages.length, block: stage.blocks, head: stage.heads };
    for (const [i, name] of SELECTS.entries()) this.fill(this.selects[i], counts[name], place[name]);
    const size = stage.channels / stage.heads;
    const first = kind === "attention" ? place.head * size : 0;
    const count = kind === "attention" ? size : stage.channels;
    Object.assign(this.channel, { min: first + 1, max: first + count, value: place.channel + 1 });
    setText(this.count, text("of", { count: stage.channels }));
    const isCls = place.query === "cls";
    this.cls.hidden = !stage.has_cls || (kind !== "attention" && kind !== "block");
    this.cls.setAttribute("aria-pressed", String(isCls));
    setText(this.token, tokenName(text, place.query));
  }

  /**
   * @param {HTMLSelectElement} select
   * @param {number} count
   * @param {number} chosen
   */
  fill(select, count, chosen) {
    if (select.options.length !== count) {
      const options = Array.from({ length: count }, (_, i) => make("option", { value: i + 1 }, `${i + 1} / ${count}`));
      select.replaceChildren(...options);
    }
    select.value = String(chosen + 1);
  }
}

/**
 * A token in words.
 * @param {Words} text
 * @param {Place["query"]} query
 */
export function tokenName(text, query) {
  return query === "cls" ? "CLS" : text("place", { row: query[0] + 1, column: query[1] + 1 });
}
