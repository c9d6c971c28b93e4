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
      history.pushState(history.state, "", addressWith(location.href, { lang })); // everything else stays
      location.reload();
      event.preventDefault();
    });
    return link;
  });
  const root = make("nav", { class: "languages" }, ...links);
  element.replaceChildren(root);
  // A step back to an entry in another language is a step to another page.
  const asked = () => new URLSearchParams(location.search).get("lang");
  const opened = asked();
  const goBack = () => asked() !== opened && location.reload();
  window.addEventListener("popstate", goBack, true);
  return {
    update: () => {},
    destroy: () => {
      window.removeEventListener("popstate", goBack, true);
      root.remove();
    },
  };
}
