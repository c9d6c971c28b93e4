/* How far the model's knowledge reaches: its doubt, the number of its classes, and a model that knows more. */

import { make, setText, useStyle } from "../shared/dom.js";

/** @import { Host, Offer, Part, ScopeValue } from "../types.js" */

const EVERY = 500; // milliseconds between two questions about a download

/**
 * @param {HTMLElement} element
 * @param {Host<ScopeValue>} host
 * @returns {Part}
 */
export function mount(element, host) {
  useStyle(new URL("scope.css", import.meta.url));
  const { words } = host;
  const told = make("span", { role: "status" });
  const list = make("button", { class: "list", type: "button" }, words("list"));
  const said = make("p", { class: "said" }, told, " ", list);
  // The longest that can stand here, unseen, so that nothing below moves from one photo to the next.
  const longest = make("span");
  const room = make("p", { class: "said room", "aria-hidden": "true" }, longest, " ", list.cloneNode(true));
  const news = make("span", { class: "news", role: "status" });
  const bar = make("progress", { max: 1, "aria-label": words("progress") });
  const act = make("button", { class: "act", type: "button" });
  const more = make("div", { class: "more" }, news, bar, act);
  const root = make("div", { class: "scope" }, make("div", { class: "reach" }, said, room), more);
  element.replaceChildren(root);

  /** @type {Offer | null} */
  let offer = null;
  let asking = false;

  const showOffer = () => {
    more.hidden = offer === null;
    if (offer === null) return;
    const { state, done } = offer;
    const values = { ...offer, classes: offer.classes.toLocaleString(words.language), percent: Math.floor(100 * done) };
    bar.hidden = state !== "fetching";
    bar.value = done;
    act.hidden = state === "fetching";
    setText(news, state === "absent" ? "" : words(`told.${state}`, values));
    setText(act, act.hidden ? "" : words(`act.${state}`, values));
  };
  const follow = async (/** @type {"fetch" | "fetched"} */ question) => {
    if (asking) return;
    asking = true;
    for (; root.isConnected; question = "fetched") {
      const answer = await host.ask(question).catch(() => null);
      offer = /** @type {Offer | null} */ (answer) ?? (offer && { ...offer, state: "failed" });
      showOffer();
      if (offer?.state !== "fetching") break;
      await new Promise((resolve) => setTimeout(resolve, EVERY));
    }
    asking = false;
  };
  const update = () => {
    const { value } = host;
    root.hidden = !value;
    if (!value) return;
    const warning = value.foreign ? "foreign" : value.doubted ? "doubt" : null;
    said.classList.toggle("doubt", warning !== null);
    const classes = value.classes.toLocaleString(words.language);
    const known = value.right === null ? words("known", { classes }) : words("tested", { classes, right: value.right });
    setText(told, warning ? words(warning, { classes }) : known);
    setText(longest, words("foreign", { classes }));
    if (!(asking && value.offer)) offer = value.offer;
    showOffer();
    if (offer?.state === "fetching") void follow("fetched");
  };

  list.addEventListener("click", () => host.trigger("list"));
  act.addEventListener("click", () => {
    if (offer?.state === "here") host.trigger("switch");
    else void follow("fetch");
  });
  host.watch(update);
  update();
  return { update, destroy: () => root.remove() };
}
