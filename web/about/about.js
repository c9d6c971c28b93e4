/* The model on the screen: a short table, and its classes with a search field. */

import { make, useStyle } from "../shared/dom.js";

/** @import { AboutValue, Host, Part } from "../types.js" */

/**
 * @param {HTMLElement} element
 * @param {Host<AboutValue>} host
 * @returns {Part}
 */
export function mount(element, host) {
  useStyle(new URL("about.css", import.meta.url));
  const { words } = host;
  const facts = make("dl", { class: "facts" });
  const find = make("input", { class: "find", type: "search", autocomplete: "off", spellcheck: "false" });
  const list = make("ol", { class: "classes", tabindex: 0, start: 0 });
  const root = make("div", { class: "about-model" }, facts, find, list);
  element.replaceChildren(root);

  const filter = () => {
    const wanted = find.value.trim().toLowerCase();
    for (const item of /** @type {HTMLCollectionOf<HTMLElement>} */ (list.children)) {
      item.hidden = !`${item.textContent} ${item.title}`.toLowerCase().includes(wanted);
    }
  };
  const update = () => {
    const { value } = host;
    if (!value) return;
    const { numbers, classes } = value;
    facts.replaceChildren(
      ...value.facts.flatMap(([name, told]) => [
        make("dt", {}, words(`label.${name}`)),
        make("dd", {}, words(told, numbers)),
      ]),
    );
    const found = words("find", { classes: classes.length });
    find.placeholder = found;
    find.setAttribute("aria-label", found);
    list.setAttribute("aria-label", found);
    list.replaceChildren(...classes.map((name, value) => make("li", { value, title: name }, words.className(name))));
    filter();
  };

  find.addEventListener("input", filter);
  host.watch(update);
  update();
  return { update, destroy: () => root.remove() };
}
