/* Terms that explain themselves: their definition comes on hover, focus or tap, and goes with Escape. */

import { make, useStyle } from "./dom.js";

/** @import { Words } from "../types.js" */

const TIP = "glossary-tip";
const REST = 150; // milliseconds to get from a term to its definition, which may be pointed at too
const MARKED = /\[([^\]]+)\]\(([^)]+)\)/g; // as a link in Markdown: [shown](term)
const CLOSING = /^[,.;:!?)”’、。」』）]+/; // signs that stay on the line of the term before them

/** @type {{ tip: HTMLElement, owner: HTMLElement, listening: AbortController } | null} */
let shown = null; // there is one at a time
let leaving = 0;

/**
 * A term to be put among other words.
 * @param {Words} words
 * @param {string} name in the glossary
 * @param {string} [text] as it stands there
 * @returns {HTMLElement}
 */
export function term(words, name, text = name) {
  const node = make("button", { type: "button", class: "term" }, text);
  node.addEventListener("click", (event) => {
    event.preventDefault(); // in a label, it would go on to what is labelled
    show(node, words.glossary[name]);
  });
  explain(node, words, name);
  return node;
}

/**
 * Let something that is there anyway explain a term, when it is pointed at or has the focus.
 * @param {HTMLElement} node
 * @param {Words} words
 * @param {string} name in the glossary
 */
export function explain(node, words, name) {
  useStyle(new URL("glossary.css", import.meta.url));
  const definition = words.glossary[name];
  if (!definition) throw new Error(`the glossary does not explain ${name}`);
  node.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && show(node, definition));
  node.addEventListener("pointerleave", leave);
  node.addEventListener("focusin", () => show(node, definition));
  node.addEventListener("focusout", hide);
}

/**
 * A text in which [shown](term) marks terms, as what is to be put into a node.
 * @param {Words} words
 * @param {string} text
 * @returns {(string | HTMLElement)[]}
 */
export function withTerms(words, text) {
  /** @type {(string | HTMLElement)[]} */
  const parts = [];
  let end = 0;
  for (const { 0: whole, 1: seen, 2: name, index } of text.matchAll(MARKED)) {
    if (!(name in words.glossary)) continue; // brackets of somebody's own, as in a class's name
    const sign = text.slice(index + whole.length).match(CLOSING)?.[0] ?? "";
    const node = term(words, name, seen);
    parts.push(text.slice(end, index), sign ? make("span", { class: "closed" }, node, sign) : node);
    end = index + whole.length + sign.length;
  }
  return [...parts, text.slice(end)].filter((part) => part !== "");
}

/**
 * The same text without its marks.
 * @param {Words} words
 * @param {string} text
 */
export function withoutTerms({ glossary }, text) {
  return text.replace(MARKED, (whole, seen, name) => (name in glossary ? seen : whole));
}

/** @type {WeakMap<HTMLElement, string>} */
const told = new WeakMap();

/**
 * Change a node's text, terms and all, only where it differs.
 * @param {HTMLElement} node
 * @param {Words} words
 * @param {string} text
 */
export function setTerms(node, words, text) {
  if (told.get(node) === text) return;
  told.set(node, text);
  node.replaceChildren(...withTerms(words, text));
}

/**
 * @param {HTMLElement} owner
 * @param {string} definition
 */
function show(owner, definition) {
  clearTimeout(leaving);
  if (shown?.owner === owner) return;
  hide();
  const tip = make(
    "div",
    { id: TIP, role: "tooltip", popover: "manual", lang: document.documentElement.lang },
    definition,
  );
  const listening = new AbortController();
  const { signal } = listening;
  shown = { tip, owner, listening };
  (owner.closest("main") ?? document.body).append(tip);
  control(owner).setAttribute("aria-describedby", TIP);
  tip.showPopover(); // above everything, a full screen too
  place(tip, owner);
  tip.addEventListener("pointerenter", () => clearTimeout(leaving));
  tip.addEventListener("pointerleave", leave);
  const follow = () => (owner.isConnected ? place(tip, owner) : hide());
  addEventListener("scroll", follow, { signal, capture: true, passive: true });
  addEventListener("resize", follow, { signal });
  addEventListener("pointerdown", ({ target }) => inside(target) || hide(), { signal, capture: true });
  addEventListener("keydown", onKey, { signal, capture: true });
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.key !== "Escape") return;
  event.stopPropagation(); // it is for nobody else
  hide();
}

/** @param {EventTarget | null} target */
function inside(target) {
  return target instanceof Node && (shown?.tip.contains(target) || shown?.owner.contains(target));
}

function leave() {
  clearTimeout(leaving);
  leaving = window.setTimeout(hide, REST);
}

function hide() {
  clearTimeout(leaving);
  shown?.listening.abort();
  shown?.tip.remove();
  if (shown) control(shown.owner).removeAttribute("aria-describedby");
  shown = null;
}

/**
 * What has the focus when a term is explained.
 * @param {HTMLElement} owner
 */
function control(owner) {
  return (owner instanceof HTMLLabelElement && owner.control) || owner;
}

/**
 * Below its term, or above where there is no room, and never beyond the window's edge.
 * @param {HTMLElement} tip
 * @param {HTMLElement} owner
 */
function place(tip, owner) {
  const gap = 4;
  const at = owner.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = tip;
  const edge = document.documentElement.clientWidth - width - 2 * gap;
  const fits = at.bottom + gap + height <= innerHeight;
  tip.style.left = `${Math.max(2 * gap, Math.min(at.left, edge))}px`;
  tip.style.top = `${fits ? at.bottom + gap : Math.max(gap, at.top - gap - height)}px`;
}
