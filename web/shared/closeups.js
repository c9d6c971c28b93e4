/* The page's close-ups, opened from elsewhere on it. */

/** @typedef {HTMLElement & { closeup: { open(wish: object): Promise<void> } }} Closeups */

/**
 * Open a close-up and go there, on a page that has them: at once, or as soon as they have come.
 * @param {object} wish as ``closeup.open`` takes it
 */
export async function openCloseup(wish) {
  const place = document.querySelector('[data-part="closeup"]');
  if (!place) return;
  const root = await within(place, "#closeup");
  void (/** @type {Closeups} */ (root).closeup.open(wish));
  /** @type {HTMLElement | null} */ (root.querySelector("h2"))?.focus({ preventScroll: true });
}

/**
 * What is, or will be, in a place.
 * @param {Element} place
 * @param {string} selector
 * @returns {Promise<Element>}
 */
function within(place, selector) {
  return new Promise((resolve) => {
    const look = () => {
      const found = place.querySelector(selector);
      if (!found) return;
      coming.disconnect();
      resolve(found);
    };
    const coming = new MutationObserver(look);
    coming.observe(place, { childList: true, subtree: true });
    look();
  });
}
