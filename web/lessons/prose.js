/* A paragraph of a lesson as nodes: terms of the glossary, emphasis and links. */

import { make } from "../shared/dom.js";
import { withTerms } from "../shared/glossary.js";

/** @import { Words } from "../types.js" */

const MARKS = /\*\*([^*]+)\*\*|\*([^*]+)\*|`([^`]+)`|\[([^\]]+)\]\(((?:https?:\/\/|[?#])[^)\s]*)\)/g;

/**
 * @param {Words} words
 * @param {string} text with `**strong**`, `*emphasis*`, `` `code` ``, [shown](term) and [shown](address)
 * @returns {(Node | string)[]}
 */
export function prose(words, text) {
  /** @type {(Node | string)[]} */
  const nodes = [];
  let end = 0;
  for (const { 0: whole, 1: strong, 2: emphasis, 3: code, 4: shown, 5: href, index } of text.matchAll(MARKS)) {
    nodes.push(...withTerms(words, text.slice(end, index)));
    if (strong) nodes.push(make("strong", {}, ...withTerms(words, strong)));
    else if (emphasis) nodes.push(make("em", {}, emphasis));
    else if (code) nodes.push(make("code", {}, code));
    else nodes.push(make("a", { href }, shown));
    end = index + whole.length;
  }
  return [...nodes, ...withTerms(words, text.slice(end))];
}

/**
 * Markdown of several paragraphs: headings of the third level, lists, and paragraphs.
 * @param {Words} words
 * @param {string} text
 * @returns {HTMLElement[]}
 */
export function blocks(words, text) {
  return text.split(/\n\s*\n/).map((block) => {
    if (block.startsWith("### ")) return make("h3", {}, block.slice(4));
    if (!block.startsWith("- ")) return make("p", {}, ...prose(words, block));
    const items = block.split(/\n?^- /m).filter(Boolean);
    return make("ul", {}, ...items.map((item) => make("li", {}, ...prose(words, item))));
  });
}
