/* Links to the page in its other languages. */

import { addressWith } from "../shared/address.js";
import { make, useStyle } from "../shared/dom.js";

/** @import { Host, Part } from "../types.js" */

/**
 * @param {HTMLElement} element
 * @param {Host<null>} host
 * @returns {Part}
 */
export function mount(element, host) {
  useStyle(new URL("languages.css", import.meta.url));
  const { language, languages } = host.words;
  const links = Object.entries(languages).map(([lang, name]) => {
    const current = lang === language;
    const link = make("a", { lang, hreflang: lang, href: `?lang=${lang}`, "data-current": current }, name);
    link.addEventListener("click", (event) => {
      location.assign(addressWith(location.href, { lang })); // everything else in the address stays
      event.preventDefault();
    });
    return link;
  });
  const root = make("nav", { class: "languages" }, ...links);
  element.replaceChildren(root);
  return { update: () => {}, destroy: () => root.remove() };
}
