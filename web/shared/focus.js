/* The focus, while what has it is drawn anew. */

/**
 * Put something new into a node; what has the focus there keeps it, if it is drawn again with the same `data-keep`.
 * @param {HTMLElement} node
 * @param {() => HTMLElement[]} draw
 */
export function keepingFocus(node, draw) {
  const focused = node.contains(document.activeElement) && document.activeElement?.getAttribute("data-keep");
  const held = /** @type {HTMLInputElement | null} */ (focused ? document.activeElement : null);
  const drawn = draw();
  const isSliding = held?.type === "range" && drawn.some((field) => field.querySelector(`[name="${held.name}"]`));
  if (held && isSliding) return replaceAllBut(node, held, drawn);
  node.replaceChildren(...drawn);
  if (focused) /** @type {HTMLElement | null} */ (node.querySelector(`[data-keep="${focused}"]`))?.focus();
}

/**
 * A slider under somebody's finger stays the node that it is.
 * @param {HTMLElement} node
 * @param {HTMLInputElement} held
 * @param {HTMLElement[]} drawn
 */
function replaceAllBut(node, held, drawn) {
  const kept = [...node.children].find((field) => field.contains(held));
  const now = drawn.findIndex((field) => field.querySelector(`[name="${held.name}"]`));
  for (const field of [...node.children]) if (field !== kept) field.remove();
  kept?.before(...drawn.slice(0, now));
  kept?.after(...drawn.slice(now + 1));
}
