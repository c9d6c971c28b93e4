/* Close-ups: one number of the network, opened, and every step on the way to it. */

import { addressWith } from "../shared/address.js";
import { make, setText, useStyle } from "../shared/dom.js";
import { Look } from "./look.js";
import { needsOf } from "./needs.js";
import { Picture } from "./picture.js";
import { CHOICES, firstPlace, isKind, settle, told } from "./place.js";
import { Store } from "./store.js";
import { Toolbar } from "./toolbar.js";

/** @import { Host, Part, Theme, Words } from "../types.js" */
/** @import { Wish } from "./place.js" */
/** @import { CloseUpValue, Kind, Options, Place, View } from "./types.js" */

/**
 * What shows a kind; fetched when somebody opens it.
 * @type {Record<Kind, () => Promise<View>>}
 */
const VIEWS = {
  embedding: async () => (await import("./views/embedding.js")).embedding,
  projection: async () => (await import("./views/projection.js")).projection,
  attention: async () => (await import("./views/attention.js")).attention,
  block: async () => (await import("./views/block.js")).block,
  answer: async () => (await import("./views/answer.js")).answer,
};

const REST = 300; // milliseconds of rest before the address is written: browsers limit how often it may be

/**
 * Put the close-ups into an element; closed at first, unless the address opens one. Their root `#closeup` has an object
 * `closeup` for scripts and other parts: `open(wish)` and `close()`.
 * @param {HTMLElement} element
 * @param {Host<CloseUpValue>} host
 * @returns {Part}
 */
export function mount(element, host) {
  useStyle(new URL("closeup.css", import.meta.url));
  const closeup = new CloseUp(host);
  element.replaceChildren(closeup.root);
  Object.assign(closeup.root, { closeup: { open: closeup.open.bind(closeup), close: closeup.close.bind(closeup) } });
  const update = () => closeup.load(host.value);
  host.watch(update);
  update();
  return { update, destroy: () => closeup.destroy() };
}

class CloseUp {
  /** @param {Host<CloseUpValue>} host */
  constructor(host) {
    this.host = host;
    this.text = host.words;
    this.root = make("section", {
      ...{ id: "closeup", class: "closeup", "data-state": "empty", hidden: true },
      ...{ "aria-label": host.words("name"), lang: host.words.language },
    });
    this.toolbar = new Toolbar(
      this.text,
      (wish) => this.change(wish),
      () => this.close(),
    );
    this.picture = new Picture(this.text("picture"), ([row, column]) => this.change({ query: [row + 1, column + 1] }));
    this.beside = make("figcaption");
    this.body = make("div", { class: "steps" });
    this.notice = make("p", { class: "waiting", role: "status" });
    this.retry = make("button", { type: "button", class: "retry" }, this.text("retry"));
    this.look = new Look(this.root, this.body);
    this.inside = [
      this.toolbar.node,
      make("div", { class: "waiting-line", hidden: true }, this.notice, this.retry),
      make("div", { class: "inside" }, make("figure", {}, this.picture.node, this.beside), this.body),
    ];
    this.store = new Store((names) => host.trigger("pieces", { names }));
    this.root.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
    this.retry.addEventListener("click", () => {
      this.store.retry();
      this.show();
    });
    /** @type {Place | null} null while it is closed */
    this.place = null;
    /** @type {Place | null} where it was when it was closed */
    this.left = null;
    /** @type {Wish | null} what the address asks for, until there is a photo */
    this.wish = wishOf(new URLSearchParams(location.search));
    /** @type {Options} */
    this.options = { order: "place", rows: 4 };
    /** @type {Element | null} what had the focus when it was opened */
    this.opener = null;
    this.turn = 0; // counts wishes: what an older one brings is dropped
    this.writing = 0;
  }

  /** @returns {CloseUpValue | null} */
  get value() {
    return this.host.value;
  }

  /** @param {CloseUpValue | null} value */
  load(value) {
    this.root.dataset.state = value ? "ready" : "empty";
    if (!value) {
      if (this.place) this.close();
      return;
    }
    const isOther = value.key !== this.store.key;
    this.store.take(value);
    if (!isOther) return;
    this.left = null;
    if (this.place) {
      const { classes } = value;
      const [target, against] = [classes[0].index, (classes[1] ?? classes[0]).index];
      this.place = { ...settle(value, this.place, {}), target, against };
      this.show();
    } else if (this.wish) {
      const wish = this.wish;
      this.wish = null;
      this.open(wish);
    }
  }

  /**
   * Open { kind, stage, block, head, query, channel, target, against }, any of them; all count from 1, classes have
   * their model's numbers. Resolves when it is on the screen.
   * @param {Wish} wish
   */
  async open(wish = {}) {
    const { value } = this;
    if (!value) {
      this.wish = wish;
      return;
    }
    const wasClosed = !this.place;
    if (wasClosed) this.opener = document.activeElement;
    this.place = settle(value, this.place ?? this.left ?? firstPlace(value), wish);
    if (wasClosed) this.root.replaceChildren(...this.inside);
    this.root.hidden = false;
    if (wasClosed) this.root.scrollIntoView({ block: "start" });
    await this.show();
  }

  /** @param {Wish} wish */
  change(wish) {
    const { value, place } = this;
    if (!value || !place) return;
    this.place = settle(value, place, wish);
    this.show();
  }

  close() {
    this.turn++;
    if (this.root.contains(document.activeElement) && this.opener instanceof HTMLElement) this.opener.focus();
    [this.left, this.place] = [this.place ?? this.left, null];
    this.root.hidden = true;
    this.root.replaceChildren();
    this.look.forget();
    for (const name of ["closeup", "look", ...Object.values(CHOICES).flat()]) delete this.root.dataset[name];
    this.writeAddress();
    this.tell();
  }

  /** Bring the place onto the screen. */
  async show() {
    const { value, place, root, text } = this;
    if (!value || !place) return;
    const mine = ++this.turn;
    this.toolbar.show(value, place);
    root.dataset.state = "loading";
    this.notify(text("loading"));
    /** @type {View} */
    let view;
    try {
      [view] = await Promise.all([VIEWS[place.kind](), this.store.need(needsOf(place))]);
    } catch (error) {
      if (mine === this.turn) this.notify(text("failed", { reason: error instanceof Error ? error.message : error }));
      return;
    }
    if (mine !== this.turn) return;
    this.draw(view, value, place);
    this.notify("");
    for (const name of Object.values(CHOICES).flat()) delete root.dataset[name];
    const { kind, ...rest } = told(place);
    Object.assign(root.dataset, { ...rest, closeup: kind, state: "ready" });
    this.writeSoon();
    this.tell();
  }

  /**
   * @param {View} view
   * @param {CloseUpValue} value
   * @param {Place} place
   */
  draw(view, value, place) {
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.closest("[data-keep]");
    const kept = focused && this.body.contains(focused) ? focused.getAttribute("data-keep") : null;
    const piece = (/** @type {string} */ name) => this.store.piece(name);
    const change = (/** @type {Wish} */ wish) => this.change(wish);
    const choose = (/** @type {Partial<Options>} */ chosen) => {
      Object.assign(this.options, chosen);
      this.draw(view, value, place);
    };
    const { options, text } = this;
    const drawn = view.draw({ value, place, options, piece, change, choose, text, theme: this.host.theme });
    const pixels = piece("pixels").pixels;
    this.picture.draw(pixels, value.stages[place.stage], place.query, drawn);
    this.beside.replaceChildren(...drawn.beside);
    this.body.replaceChildren(...drawn.body);
    this.look.take(drawn.look ?? null);
    if (kept) /** @type {HTMLElement | null} */ (this.body.querySelector(`[data-keep="${kept}"]`))?.focus();
  }

  /** @param {string} words what is the matter, or nothing */
  notify(words) {
    setText(this.notice, words);
    const line = /** @type {HTMLElement} */ (this.notice.parentElement);
    line.hidden = !words;
  }

  tell() {
    const detail = this.place ? told(this.place) : { kind: null };
    this.root.dispatchEvent(new CustomEvent("closeup:change", { bubbles: true, detail }));
  }

  writeSoon() {
    clearTimeout(this.writing);
    this.writing = window.setTimeout(() => this.writeAddress(), REST);
  }

  /** The place, in parameters of its own: the explorer's stage and token may be others. */
  writeAddress() {
    clearTimeout(this.writing);
    const place = this.place ? told(this.place) : {};
    /** @type {Record<string, unknown>} */
    const parameters = { open: place.kind };
    for (const name of new Set(Object.values(CHOICES).flat())) parameters[`open_${name}`] = place[name];
    const owner = explorer(); // of the address, where there is one
    if (owner) owner.setUrl(parameters);
    else history.replaceState(history.state, "", addressWith(location.href, parameters));
  }

  destroy() {
    this.turn++;
    clearTimeout(this.writing);
    this.root.remove();
  }
}

/** @returns {{ setUrl(changes: object): void } | undefined} */
function explorer() {
  return /** @type {any} */ (document.querySelector("#explorer"))?.explorer;
}

/**
 * What an address asks for: `open=KIND`, and `open_stage` or, where that is missing, `stage`, and so on.
 * @param {URLSearchParams} parameters
 * @returns {Wish | null}
 */
function wishOf(parameters) {
  const kind = parameters.get("open");
  if (!isKind(kind)) return null;
  const wish = CHOICES[kind].map((name) => [name, parameters.get(`open_${name}`) ?? parameters.get(name) ?? undefined]);
  return { kind, ...Object.fromEntries(wish) };
}
