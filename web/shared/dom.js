/* The few things done to a document again and again. Text goes in as text, never as markup. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element with its attributes, and in it other nodes and texts.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number | boolean>} [attributes] true sets one without a value, false leaves it out
 * @param {...(Node | string)} inside
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, attributes = {}, ...inside) {
  const node = document.createElement(tag);
  setAttributes(node, attributes);
  node.append(...inside);
  return node;
}

/**
 * The same for SVG.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number | boolean>} [attributes]
 * @param {...(Node | string)} inside
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function makeSvg(tag, attributes = {}, ...inside) {
  const node = document.createElementNS(SVG, tag);
  setAttributes(node, attributes);
  node.append(...inside);
  return node;
}

/**
 * @param {Element} node
 * @param {Record<string, string | number | boolean>} attributes
 */
function setAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) node.setAttribute(name, value === true ? "" : String(value));
  }
}

/**
 * Change a node's text only where it differs, so that nothing is laid out for nothing.
 * @param {Node} node
 * @param {string} words
 */
export function setText(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

/**
 * Put a stylesheet into the document, once however many parts ask for it; not where a host brings all of them in one.
 * @param {URL} address
 */
export function useStyle(address) {
  if (document.querySelector("link[data-all-parts]")) return;
  const links = /** @type {NodeListOf<HTMLLinkElement>} */ (document.querySelectorAll("link[rel=stylesheet]"));
  if ([...links].some((link) => link.href === address.href)) return;
  document.head.append(make("link", { rel: "stylesheet", href: address.href }));
}
