/* The ribbon: the whole network at a glance, from the photo through every stage to the answer. */

import { openCloseup } from "../shared/closeups.js";
import { make, useStyle } from "../shared/dom.js";
import { withTerms } from "../shared/glossary.js";
import { fadeEdges } from "../shared/overflow.js";
import { inPercent } from "../shared/words.js";

/** @import { Host, Part, RibbonValue, StageCard, StagePicture, Words } from "../types.js" */

/**
 * Root `#stages`, with one `[data-stage]` child per stage; choosing one opens that stage in the page's explorer.
 * @param {HTMLElement} element
 * @param {Host<RibbonValue>} host
 * @returns {Part}
 */
export function mount(element, host) {
  useStyle(new URL("stages.css", import.meta.url));
  const { words } = host;
  const root = make("div", { id: "stages", role: "group", "aria-label": words("label"), lang: words.language });
  element.replaceChildren(root);
  fadeEdges(root);

  const mark = (/** @type {string | number | undefined} */ stage) => {
    for (const node of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-stage]"))) {
      const isCurrent = node.dataset.stage === String(stage);
      node.toggleAttribute("data-current", isCurrent);
      node.setAttribute("aria-pressed", String(isCurrent));
    }
  };
  const update = () => {
    root.replaceChildren(...(host.value ? drawAll(words, host.value) : []));
    root.dataset.state = host.value ? "ready" : "empty";
    mark(explorer()?.dataset.stage);
  };
  const hear = (/** @type {Event} */ event) => mark(/** @type {CustomEvent} */ (event).detail?.stage);
  // On its way down: hosts may keep events from coming back up.
  document.addEventListener("explorer:change", hear, true);
  host.watch(update);
  update();
  return {
    update,
    destroy: () => {
      document.removeEventListener("explorer:change", hear, true);
      root.remove();
    },
  };
}

/** @returns {(HTMLElement & { explorer?: { open(wish: object): Promise<void> } }) | null} */
function explorer() {
  return document.querySelector("#explorer");
}

/** @param {number} stage */
function open(stage) {
  const root = explorer();
  root?.explorer?.open({ stage });
  root?.querySelector(".frame")?.scrollIntoView({ block: "nearest" });
}

/**
 * @param {Words} words
 * @param {RibbonValue} value
 */
function drawAll(words, { photo, height, width, cards, answer }) {
  const last = cards[cards.length - 1];
  const reads = last?.has_cls ? words("cls") : words("mean");
  return [
    make(
      "div",
      { class: "photo" },
      make("img", { src: photo.url, alt: words("photo_alt") }),
      make("small", {}, words("seen", { height, width })),
    ),
    ...cards.flatMap((card) => [
      arrow(
        words,
        opener(words("open_embedding", card.numbers), { kind: "embedding", stage: card.numbers.stage }),
        words("window", card.numbers),
        words("stride", card.numbers),
      ),
      drawCard(words, card),
    ]),
    arrow(words, opener(words("open_answer"), { kind: "answer" }), reads),
    make(
      "div",
      { class: "answer" },
      make("small", {}, words("answer")),
      make("strong", {}, words.className(answer.label)),
      make("small", {}, words("sure", { share: inPercent(answer.probability) })),
    ),
  ];
}

/**
 * The arrow itself opens the arithmetic that it stands for.
 * @param {string} label
 * @param {Record<string, unknown>} wish
 */
function opener(label, wish) {
  const attributes = { type: "button", "data-open": String(wish.kind), "aria-label": label, title: label };
  const node = make("button", attributes, "→");
  node.addEventListener("click", () => void openCloseup(wish));
  return node;
}

/**
 * @param {Words} words
 * @param {HTMLElement} sign
 * @param {...string} lines
 */
function arrow(words, sign, ...lines) {
  return make("div", { class: "arrow" }, sign, ...lines.map((line) => make("small", {}, ...withTerms(words, line))));
}

/**
 * @param {Words} words
 * @param {StageCard} card
 */
function drawCard(words, { numbers, has_cls, feature, attention }) {
  const picture = (/** @type {StagePicture} */ { file, alt }) =>
    make("img", { src: file.url, alt: alt[words.language], title: alt[words.language] });
  const blocks = numbers.blocks === 1 ? words("block", numbers) : words("blocks", numbers);
  const node = make(
    "button",
    { type: "button", "data-stage": numbers.stage, title: words("open", numbers) },
    make("span", { class: "maps" }, picture(feature), picture(attention)),
    make(
      "span",
      { class: "facts" },
      make("strong", {}, words("name", numbers)),
      make("small", {}, has_cls ? words("grid_cls", numbers) : words("grid", numbers)),
      make("small", {}, words("channels", numbers)),
      make("small", {}, blocks),
    ),
  );
  node.addEventListener("click", () => open(numbers.stage));
  return node;
}
