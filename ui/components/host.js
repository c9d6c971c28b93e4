/* Gradio's page as a host for the parts of the page. Served beside web/, as if it lay in there. */

import { wordsOf } from "./shared/words.js";

/** @import { Host, Part, Theme } from "./types.js" */

/**
 * @typedef {object} Carrier What Gradio gives to a component's script.
 * @property {HTMLElement} element
 * @property {{ value: any }} props
 * @property {(name: string, data?: unknown) => void} trigger
 * @property {(name: string, changed: () => void) => void} watch
 * @property {(file: File) => Promise<{ path: string }>} upload
 * @property {Record<string, (...given: unknown[]) => Promise<unknown>>} [server]
 */

const PATIENCE = 10_000; // milliseconds without a picture, after which none is waited for

const OPENED_BY = ["open", "try", "lesson"]; // what a link asks for in what otherwise comes later

const MESSAGES = ["info", "warning", "error"];

const words = read(`words/${document.documentElement.lang}.json`);
const theme = /** @type {Promise<Theme>} */ (read("theme.json"));

const firstPicture = new Promise((resolve) => {
  if (OPENED_BY.some((name) => new URLSearchParams(location.search).has(name))) resolve(null);
  document.addEventListener("explorer:change", resolve, { capture: true, once: true }); // it does not come up to here
  setTimeout(resolve, PATIENCE);
});

words.then(({ classes }) => {
  if (Object.keys(classes).length) nameClasses(classes);
});

// Gradio has plans of its own for links within the page; this one is for the keyboard, and takes the focus along.
document.addEventListener(
  "click",
  (event) => {
    const link = event.target instanceof Element ? event.target.closest(".skip a") : null;
    if (!(link instanceof HTMLAnchorElement)) return;
    event.preventDefault();
    event.stopPropagation();
    /** @type {HTMLElement | null} */ (document.querySelector(link.hash))?.focus();
  },
  true,
);

/**
 * Mount a part into a component.
 * @param {string} name of the part's folder
 * @param {string[]} events that the component listens to
 * @param {Carrier} carrier
 */
export async function carry(name, events, { element, props, trigger, watch, upload, server }) {
  const [{ mount }, store, colours] = await Promise.all([import(`./${name}/${name}.js`), words, theme]);
  /** @type {Host<any>} */
  const host = {
    get value() {
      return props.value;
    },
    set value(value) {
      props.value = value;
    },
    watch: (changed) => watch("value", changed),
    trigger: (event, data) => {
      if (MESSAGES.includes(event)) trigger(event, asText(`${data}`));
      else if (events.includes(event)) trigger(event, data);
    },
    upload: async (file) => (await upload(file)).path,
    ask: (question, ...given) =>
      server?.[question]?.(...given) ?? Promise.reject(new Error(`nobody answers ${question}`)),
    words: wordsOf(store, name),
    theme: colours,
  };
  const place = /** @type {HTMLElement} */ (element.querySelector("[data-part]"));
  destroyWith(place, mount(place, host));
}

/**
 * The same for what is not on the first screen, as soon as there is a picture on that, so that neither waits for the other.
 * @param {Parameters<typeof carry>} given
 */
export async function carryLater(...given) {
  await firstPicture;
  return carry(...given);
}

/**
 * Gradio tells nobody when it takes an element away.
 * @param {HTMLElement} place
 * @param {Part} part
 */
function destroyWith(place, part) {
  const observer = new MutationObserver(() => {
    if (place.isConnected) return;
    observer.disconnect();
    part.destroy();
  });
  observer.observe(document.body, { childList: true, subtree: true });
}

/**
 * The prediction is Gradio's own, and what is pressed in it is told by its English name: only what is seen changes.
 * @param {Record<string, string>} classes their names
 */
function nameClasses(classes) {
  const name = () => {
    for (const { firstChild } of document.querySelectorAll("#prediction .text")) {
      const [, label, number] = firstChild?.nodeValue?.trim().match(/^(.*?)( \(\d+\))?$/) ?? [];
      if (firstChild && label in classes) firstChild.nodeValue = classes[label] + (number ?? "");
    }
  };
  new MutationObserver(name).observe(document.body, { childList: true, subtree: true, characterData: true });
  name();
}

/**
 * Gradio shows messages as HTML; this keeps them the text they are.
 * @param {string} message
 */
function asText(message) {
  return message.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** @param {string} path */
async function read(path) {
  return (await fetch(new URL(path, import.meta.url))).json();
}
