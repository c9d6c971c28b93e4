/* Every method put to the test on this photo: a small table, worked out when somebody comes to see it. */

import { make, setText, useStyle } from "../shared/dom.js";

/** @import { ComparedMethod, ComparisonValue, Host, Part, Words } from "../types.js" */

/** @typedef {{ method: string, gains: ComparedMethod[] }} Row the best stage first */

const KNOW_NOTHING = ["random", "centre"];
const REST = 1000; // milliseconds in sight before it is asked for: a page that is being put together is short at first

/**
 * Raises `wanted` once for a value without methods, as soon as it stays in sight.
 * @param {HTMLElement} element
 * @param {Host<ComparisonValue>} host
 * @returns {Part}
 */
export function mount(element, host) {
  useStyle(new URL("comparison.css", import.meta.url));
  const { words } = host;
  const said = make("p", { class: "said", role: "status" });
  const table = make("div", { class: "table" });
  const root = make("div", { class: "comparison", lang: words.language }, said, table);
  element.replaceChildren(root);

  /** @type {ComparisonValue | null} what is shown */
  let value = null;
  /** @type {number | null} the value that was asked for */
  let asked = null;
  let newest = 0; // number of the newest value
  let inSight = false;
  const ask = () => {
    if (!inSight || !value || value.methods.length || value.number === asked) return;
    asked = value.number;
    host.trigger("wanted");
  };
  const update = () => {
    if (host.value && host.value.number < newest) return; // an older photo's answer, come late
    value = host.value;
    newest = value?.number ?? newest;
    const rows = value ? rowsOf(value.methods) : [];
    setText(said, value ? sentence(words, value, rows) : "");
    table.replaceChildren(...(rows.length && value ? [draw(words, value, rows)] : []));
    root.dataset.state = rows.length ? "ready" : value ? "waiting" : "empty";
    ask();
  };
  let coming = 0;
  const observer = new IntersectionObserver((entries) => {
    inSight = false;
    clearTimeout(coming);
    if (!entries[entries.length - 1].isIntersecting) return;
    coming = window.setTimeout(() => {
      inSight = true;
      ask();
    }, REST);
  });
  observer.observe(root);

  host.watch(update);
  update();
  return {
    update,
    destroy: () => {
      observer.disconnect();
      clearTimeout(coming);
      root.remove();
    },
  };
}

/**
 * One row for each method that knows something, the best first; `methods` come in that order.
 * @param {ComparedMethod[]} methods
 * @returns {Row[]}
 */
function rowsOf(methods) {
  /** @type {Map<string, ComparedMethod[]>} */
  const rows = new Map();
  for (const entry of methods) {
    const { method } = entry;
    if (!KNOW_NOTHING.includes(method)) rows.set(method, [...(rows.get(method) ?? []), entry]);
  }
  return [...rows].map(([method, gains]) => ({ method, gains }));
}

/**
 * @param {ComparisonValue} value
 * @param {string} method
 */
function gainOf({ methods }, method) {
  return methods.find((entry) => entry.method === method)?.gain ?? 0;
}

/** @param {number} gain */
function figure(gain) {
  return gain.toFixed(2).replace("-", "−");
}

/**
 * @param {Words} words
 * @param {ComparedMethod} compared
 */
function nameOf(words, { method, stage }) {
  const name = words(`method.${method}`);
  return stage === null ? name : words("of stage", { method: name, stage: stage + 1 });
}

/**
 * What the figures say.
 * @param {Words} words
 * @param {ComparisonValue} value
 * @param {Row[]} rows
 */
function sentence(words, value, rows) {
  const label = words.className(value.label);
  if (!rows.length) return words("waiting", { label });
  const centre = gainOf(value, "centre");
  const best = rows[0].gains[0];
  const values = {
    label,
    best: nameOf(words, best),
    gain: figure(best.gain),
    centre: figure(centre),
    random: figure(gainOf(value, "random")),
    below: rows.filter(({ gains }) => gains[0].gain <= centre).length,
    count: rows.length,
  };
  return words(best.gain > centre ? "told" : "told.none", values);
}

/**
 * @param {Words} words
 * @param {ComparisonValue} value
 * @param {Row[]} rows
 */
function draw(words, value, rows) {
  const gains = value.methods.map(({ gain }) => gain);
  const [low, high] = [Math.min(0, ...gains), Math.max(0.1, ...gains)];
  const at = (/** @type {number} */ gain) => `${((gain - low) / (high - low)) * 100}%`;
  const line = (/** @type {string} */ name) =>
    make("span", { class: `line ${name}`, style: `left: ${at(gainOf(value, name))}` });
  const dot = (/** @type {ComparedMethod} */ entry, /** @type {number} */ index) =>
    make("span", {
      class: index ? "dot" : "dot best",
      style: `left: ${at(entry.gain)}`,
      title: `${nameOf(words, entry)}: ${figure(entry.gain)}`,
    });
  const keys = KNOW_NOTHING.map((name) => make("span", { class: `key ${name}` }, words(`method.${name}`)));
  const heads = [
    make("th", { scope: "col" }, words("method")),
    make("th", { scope: "col", colspan: 2 }, words("gain"), ...keys),
  ];
  return make(
    "table",
    {},
    make("caption", { class: "unseen" }, words("caption", { label: words.className(value.label) })),
    make("thead", {}, make("tr", {}, ...heads)),
    make(
      "tbody",
      {},
      ...rows.map(({ gains: own }) =>
        make(
          "tr",
          {},
          make("th", { scope: "row" }, opener(words, own[0])),
          make(
            "td",
            {},
            make(
              "span",
              { class: "track", "aria-hidden": "true" },
              ...KNOW_NOTHING.map(line),
              ...own.map(dot).reverse(),
            ),
          ),
          make("td", { class: "figure" }, figure(own[0].gain)),
        ),
      ),
    ),
  );
}

/**
 * A method's name, which shows its map in the page's explorer where the explorer has it.
 * @param {Words} words
 * @param {ComparedMethod} compared
 */
function opener(words, compared) {
  const { method, view, stage } = compared;
  const name = nameOf(words, compared);
  if (view === null) return name;
  const wish = {
    view,
    ...(view === "class_evidence" ? { method } : {}),
    ...(stage === null ? {} : { stage: stage + 1 }),
  };
  const button = make("button", { type: "button", title: words("open") }, name);
  button.addEventListener("click", () => {
    const explorer = /** @type {(HTMLElement & { explorer?: { open(wish: object): void } }) | null} */ (
      document.querySelector("#explorer")
    );
    explorer?.explorer?.open(wish);
    explorer?.querySelector(".frame")?.scrollIntoView({ block: "center" });
  });
  return button;
}
