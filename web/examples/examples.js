/* Small pictures of the examples to choose from, and whose photo is on the screen. */

import { make, useStyle } from "../shared/dom.js";

/** @import { ExamplePicture, ExamplesValue, Host, Part } from "../types.js" */

/**
 * Root `#examples` with one `[data-example]` per picture. Choosing one sets `chosen` and triggers "select".
 * @param {HTMLElement} element
 * @param {Host<ExamplesValue>} host
 * @returns {Part}
 */
export function mount(element, host) {
  useStyle(new URL("examples.css", import.meta.url));
  const { words } = host;
  const group = make("div", { id: "examples", role: "group" });
  const credit = make("p", { class: "credit", "aria-live": "polite" });
  const root = make("div", { class: "examples" }, group, credit);
  element.replaceChildren(root);

  /** @param {ExamplePicture | undefined} picture */
  const describe = (picture) => {
    const { id, source, author, licence, licence_url } = picture ?? {};
    const told = picture
      ? [link(words(`${id}`), source), ` · ${author} · `, link(words(`${licence}`), licence_url)]
      : [];
    credit.replaceChildren(...told);
  };
  /** @param {string} id */
  const choose = (id) => {
    if (host.value) host.value = { ...host.value, chosen: id };
    update();
    host.trigger("select");
  };
  const chosen = () => host.value?.pictures.find((picture) => picture.id === host.value?.chosen);
  /** @param {ExamplePicture} picture */
  const drawButton = (picture) => {
    const { id, author, licence, image } = picture;
    const title = words(id);
    const button = make(
      "button",
      { type: "button", title: `${title} · ${author} · ${words(licence)}`, "aria-label": title, "data-example": id },
      make("img", { src: new URL(image, document.baseURI).href, alt: "", width: 96, height: 72 }),
    );
    button.addEventListener("click", () => choose(id));
    for (const name of ["mouseenter", "focus"]) button.addEventListener(name, () => describe(picture));
    button.addEventListener("mouseleave", () => describe(chosen()));
    return button;
  };
  const update = () => {
    const pictures = host.value?.pictures ?? [];
    if (group.children.length !== pictures.length) group.replaceChildren(...pictures.map(drawButton));
    for (const button of /** @type {HTMLCollectionOf<HTMLElement>} */ (group.children)) {
      button.setAttribute("aria-pressed", String(button.dataset.example === host.value?.chosen));
    }
    describe(chosen());
  };

  // From a picture the focus goes on to its credit, which stays for as long.
  root.addEventListener("focusout", ({ relatedTarget }) => {
    if (!root.contains(/** @type {Node | null} */ (relatedTarget))) describe(chosen());
  });

  // Back and forth in the history: the example that the address names now.
  const goBack = () => {
    const id = new URLSearchParams(location.search).get("example");
    const isKnown = host.value?.pictures.some((picture) => picture.id === id);
    if (id && isKnown && id !== host.value?.chosen) choose(id);
  };
  window.addEventListener("popstate", goBack);
  host.watch(update);
  update();
  return {
    update,
    destroy: () => {
      window.removeEventListener("popstate", goBack);
      root.remove();
    },
  };
}

/**
 * @param {string | undefined} text
 * @param {string | undefined} address
 */
function link(text = "", address = "") {
  return make("a", { href: address, target: "_blank", rel: "noopener" }, text);
}
