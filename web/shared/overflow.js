/* Rows that scroll sideways show that they go on. */

import { useStyle } from "./dom.js";

/**
 * Let a row fade out at each edge beyond which more of it is hidden.
 * @param {HTMLElement} row which scrolls sideways where it is too long
 */
export function fadeEdges(row) {
  useStyle(new URL("overflow.css", import.meta.url));
  const look = () => {
    const after = row.scrollWidth - row.clientWidth - row.scrollLeft;
    const hidden = [row.scrollLeft > 1 && "before", after > 1 && "after"].filter(Boolean);
    if (hidden.length > 0) row.dataset.beyond = hidden.join(" ");
    else delete row.dataset.beyond;
  };
  new ResizeObserver(look).observe(row);
  new MutationObserver(() => requestAnimationFrame(look)).observe(row, {
    childList: true,
    subtree: true,
    attributeFilter: ["hidden"],
  });
  row.addEventListener("scroll", look, { passive: true });
}
