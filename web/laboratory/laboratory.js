/* Laboratories: the photo or the network with one thing changed, and what becomes of answer, maps and logits. */

import { addressWith } from "../shared/address.js";
import { make, setText, useStyle } from "../shared/dom.js";
import { keepingFocus } from "../shared/focus.js";
import { setTerms } from "../shared/glossary.js";
import { inPercent } from "../shared/words.js";
import { consequence, firstSetup, inShort, isNothing, KINDS, moved, SETTINGS, settle, told } from "./setups.js";

/** @import { Host, Part } from "../types.js" */
/** @import { Change, Curve, Kind, LaboratoryValue, MapName, Setup, Trial, Way, Wish } from "./types.js" */

/** What draws is fetched when somebody opens a laboratory. */
const fetchDrawing = async () => ({
  ...(await import("./settings.js")),
  ...(await import("./figure.js")),
  ...(await import("./chart.js")),
});

const REST = 120; // milliseconds that a slider rests before what it shows is tried

/** @type {Record<string, Way>} */
const WAY_OF_KEY = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };

/**
 * Root `#laboratory`, a line with buttons until one is opened. It has an object `laboratory` for scripts and other parts:
 * `open(wish)`, which resolves when something is on the screen, and `close()`.
 * @param {HTMLElement} element
 * @param {Host<LaboratoryValue>} host
 * @returns {Part}
 */
export function mount(element, host) {
  useStyle(new URL("laboratory.css", import.meta.url));
  const laboratory = new Laboratory(host);
  element.replaceChildren(laboratory.root);
  const { open, close } = laboratory;
  Object.assign(laboratory.root, { laboratory: { open: open.bind(laboratory), close: close.bind(laboratory) } });
  const update = () => laboratory.load(host.value);
  host.watch(update);
  update();
  return { update, destroy: () => laboratory.destroy() };
}

class Laboratory {
  /** @param {Host<LaboratoryValue>} host */
  constructor(host) {
    const text = host.words;
    this.host = host;
    this.text = text;
    this.openers = KINDS.map((kind) => {
      const node = make("button", { type: "button", "data-kind": kind }, text(`kind.${kind}`));
      node.addEventListener("click", () => this.open({ kind }));
      return node;
    });
    const shut = make(
      "button",
      { type: "button", class: "shut", hidden: true, "aria-label": text("close"), title: text("close") },
      "×",
    );
    shut.addEventListener("click", () => this.close());
    this.heading = make("h2", { tabindex: -1 }, text("name"));
    this.about = make("p", { class: "about" }, text("about"));
    this.changes = make("div", { class: "choice changes", role: "group", "aria-label": text("changes") });
    this.settings = make("div", { class: "settings" });
    this.warning = make("p", { class: "warning" }, text("not retrained"));
    this.said = make("p", { class: "said", role: "status" });
    this.follows = make("p", { class: "follows" });
    this.photo = make("div", { class: "moving" });
    this.figure = make("div", { class: "figure" });
    this.maps = make("div", { class: "choice maps", role: "group", "aria-label": text("maps") });
    this.plot = make("figure", { class: "plot", hidden: true });
    this.inside = make(
      "div",
      { class: "inside", hidden: true },
      ...[this.changes, this.settings, this.warning, this.said, this.follows, this.figure, this.maps, this.plot],
    );
    const line = make("div", { class: "line" }, this.heading, this.about, ...this.openers, shut);
    const attributes = { id: "laboratory", lang: text.language, "data-state": "empty", "aria-label": text("name") };
    this.root = make("section", attributes, line, this.inside);
    this.shut = shut;
    this.root.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
    this.photo.addEventListener("keydown", (event) => this.onKey(event));
    /** @type {Setup | null} null while it is closed */
    this.setup = null;
    /** @type {Setup | null} as it was when it was closed */
    this.left = null;
    /** @type {Wish | null} what the address asks for, until there is a photo */
    this.wish = wishOf(new URLSearchParams(location.search));
    /** @type {MapName} */
    this.mapName = "evidence";
    this.number = Date.now(); // of the newest wish: it grows however often this is mounted
    this.sent = "";
    /** @type {Trial | null} what is on the screen */
    this.trial = null;
    /** @type {Map<string, Curve[]>} complete curves of the photo on the page */
    this.curves = new Map();
    this.key = "";
    /** @type {Element | null} */
    this.opener = null;
    this.resting = 0;
    /** @type {Awaited<ReturnType<typeof fetchDrawing>> | null} */
    this.drawing = null;
    /** @type {(() => void)[]} who waits for something on the screen */
    this.waiting = [];
  }

  /** @returns {LaboratoryValue | null} */
  get value() {
    return this.host.value;
  }

  /** @param {LaboratoryValue | null} value */
  load(value) {
    if (!value) {
      this.key = "";
      this.forget();
      this.root.dataset.state = "empty";
      if (this.setup) setText(this.said, this.text("empty"));
      return;
    }
    if (value.key !== this.key) {
      this.key = value.key;
      this.forget();
      this.root.dataset.state = "ready";
      if (this.setup) this.change({});
      else if (this.wish) this.open(this.wish);
      return;
    }
    const { trial, refused } = value;
    if (refused === this.number) this.settleDown(this.text("refused"));
    if (trial?.number === this.number) this.take(trial);
  }

  /** Nothing is known of the photo on the page. */
  forget() {
    this.trial = null;
    this.sent = "";
    this.curves.clear();
    this.figure.replaceChildren();
    this.plot.hidden = true;
    delete this.root.dataset.tried;
  }

  /** @param {Trial} trial */
  take(trial) {
    this.trial = trial;
    const { setup } = this;
    if (!setup) return;
    if (trial.done && trial.curves.length) this.curves.set(this.curveName(setup), trial.curves);
    this.draw();
    if (trial.done) this.settleDown("");
    this.root.dataset.tried = inShort(setup);
    for (const go of this.waiting.splice(0)) go();
    this.tell();
  }

  /** @param {string} words what is the matter, or nothing */
  settleDown(words) {
    if (words) setText(this.said, words);
    this.root.dataset.state = "ready";
    for (const go of this.waiting.splice(0)) go();
  }

  /**
   * Open { kind, change, … }, any of them; stages, blocks and heads count from 1.
   * @param {Wish} wish
   * @returns {Promise<void>}
   */
  async open(wish = {}) {
    const opener = document.activeElement;
    this.drawing ??= await fetchDrawing();
    const { value, root } = this;
    this.wish = value ? null : wish;
    if (!value) return;
    if (!this.setup) {
      this.opener = opener;
      this.setup = this.left ?? { ...firstSetup(value), kind: /** @type {Kind} */ ("place") };
      this.inside.hidden = this.shut.hidden = false;
      root.dataset.laboratory = this.setup.kind;
      root.scrollIntoView({ block: "start" });
    }
    this.change(wish);
    if (root.dataset.tried !== inShort(/** @type {Setup} */ (this.setup))) {
      await new Promise((resolve) => this.waiting.push(() => resolve(undefined)));
    }
  }

  /** @param {Wish} wish */
  change(wish) {
    const { value, setup } = this;
    if (!value || !setup) return;
    clearTimeout(this.resting);
    this.setup = settle(value, setup, wish);
    this.drawControls();
    this.ask();
  }

  /** @param {Wish} wish while a slider moves */
  slide(wish) {
    clearTimeout(this.resting);
    this.resting = window.setTimeout(() => this.change(wish), REST);
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const { value, setup } = this;
    const way = WAY_OF_KEY[event.key];
    if (!value || !way || setup?.change !== "shift" || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.change(moved(setup, way, event.shiftKey ? value.stages[0].step : 1, value.most_shift));
  }

  /** Ask for what is set up, unless that is on its way or on the screen. */
  ask() {
    const setup = /** @type {Setup} */ (this.setup);
    const wish = JSON.stringify(told(setup));
    if (wish === this.sent) return;
    this.sent = wish;
    this.number++;
    this.root.dataset.state = "loading";
    const hasCurve = setup.change === "shift" || setup.change === "border";
    const curve = hasCurve && !this.curves.has(this.curveName(setup));
    const asked = setup.change ? told(setup) : { change: "shift", way: "right", by: 0 };
    this.host.trigger("trial", { number: this.number, curve, ...asked });
    this.writeAddress();
    this.tell();
  }

  /**
   * What is drawn of a setup as a curve.
   * @param {Setup} setup
   */
  curveName({ change, way }) {
    return change === "border" ? "border" : way;
  }

  drawControls() {
    const { value, setup, text, root, drawing } = this;
    if (!value || !setup || !drawing) return;
    Object.assign(root.dataset, { laboratory: setup.kind, change: setup.change ?? "" });
    for (const node of this.openers) node.setAttribute("aria-pressed", String(node.dataset.kind === setup.kind));
    setText(this.heading, text(`title.${setup.kind}`));
    setText(this.about, text(`about.${setup.kind}`));
    keepingFocus(this.changes, () =>
      value.changes[setup.kind].map((change) => {
        const pressed = String(change === setup.change);
        const words = text(`change.${change}`);
        const node = make("button", { type: "button", "aria-pressed": pressed, "data-keep": change }, words);
        node.addEventListener("click", () => this.change({ change }));
        return node;
      }),
    );
    const change = (/** @type {Wish} */ wish) => this.change(wish);
    const slide = (/** @type {Wish} */ wish) => this.slide(wish);
    keepingFocus(this.settings, () => drawing.settingsOf({ text, value, setup, change, slide }));
    this.warning.hidden = !setup.change || (setup.kind !== "break" && setup.change !== "border");
    const isMoved = setup.change === "shift";
    const label = text("moving", { step: value.stages[0].step });
    for (const [name, given] of Object.entries({ tabindex: "0", role: "application", "aria-label": label })) {
      if (isMoved) this.photo.setAttribute(name, given);
      else this.photo.removeAttribute(name);
    }
  }

  /** Bring what is known of the trial onto the screen. */
  draw() {
    const { value, setup, trial, text, drawing } = this;
    if (!value || !setup || !trial || !drawing) return;
    setText(this.said, this.verdict(setup, trial));
    const [name, values] = consequence(value, setup, trial);
    setTerms(this.follows, text, text(name, values));
    const focus = document.activeElement === this.photo;
    this.figure.style.setProperty("--stages", String(value.stages.length));
    this.figure.replaceChildren(...drawing.figureOf(text, trial, value.stages.length, this.mapName, this.photo));
    if (focus) this.photo.focus({ preventScroll: true });
    const label = text.className(trial.before.winner.label);
    keepingFocus(this.maps, () => [
      .../** @type {MapName[]} */ (["evidence", "features"]).map((map) => {
        const pressed = String(map === this.mapName);
        const words = text(`maps.${map}`, { label });
        const node = make("button", { type: "button", "aria-pressed": pressed, "data-keep": map }, words);
        node.addEventListener("click", () => {
          this.mapName = map;
          this.draw();
        });
        return node;
      }),
      make("small", {}, text(`scale.${this.mapName}`)),
    ]);
    this.drawPlot(value, setup, trial, drawing);
  }

  /**
   * @param {LaboratoryValue} value
   * @param {Setup} setup
   * @param {Trial} trial
   * @param {Awaited<ReturnType<typeof fetchDrawing>>} drawing
   */
  drawPlot(value, setup, trial, { chart, meanOf }) {
    const { text } = this;
    const isShift = setup.change === "shift";
    const curves = this.curves.get(this.curveName(setup)) ?? trial.curves;
    this.plot.hidden = !curves.length || (!isShift && setup.change !== "border");
    if (this.plot.hidden) return;
    const way = text(`to.${isShift ? setup.way : "right"}`);
    const choose = isShift ? (/** @type {number} */ by) => this.change({ by }) : null;
    const names = curves.map(({ name }) => make("span", { class: `key ${name}` }, text(`curve.${name}`)));
    const caption = make("figcaption", {}, make("strong", {}, text("chart")), ` ${text("chart.about")} `);
    if (!isShift) caption.append(...names);
    if (curves.length > 1 && trial.done) {
      const [zeros, reflection] = curves.map(({ changes }) => inPercent(meanOf(changes)));
      caption.append(text("chart.means", { zeros, reflection }));
    }
    this.plot.replaceChildren(
      caption,
      chart(text, value, curves, isShift ? setup.by : null, text("chart.across", { way }), choose),
    );
  }

  /**
   * What the answer has become, in a sentence.
   * @param {Setup} setup
   * @param {Trial} trial
   */
  verdict(setup, { before, after, change }) {
    const { text } = this;
    if (isNothing(setup)) return text(setup.kind === "place" ? "start.place" : "start.break");
    const values = {
      label: text.className(before.winner.label),
      now: text.className(after.classes[0].label),
      before: inPercent(before.winner.probability),
      after: inPercent(after.winner.probability),
      other: inPercent(after.classes[0].probability),
      change: inPercent(change),
    };
    return text(after.classes[0].index === before.winner.index ? "verdict.same" : "verdict.other", values);
  }

  close() {
    const { root } = this;
    if (!this.setup) return;
    clearTimeout(this.resting);
    if (root.contains(document.activeElement) && this.opener instanceof HTMLElement) this.opener.focus();
    this.left = this.setup;
    this.setup = null;
    this.sent = "";
    this.number++;
    for (const go of this.waiting.splice(0)) go();
    this.inside.hidden = this.shut.hidden = true;
    for (const node of this.openers) node.removeAttribute("aria-pressed");
    setText(this.heading, this.text("name"));
    setText(this.about, this.text("about"));
    for (const name of ["laboratory", "change", "tried"]) delete root.dataset[name];
    root.dataset.state = this.value ? "ready" : "empty";
    this.writeAddress();
    this.tell();
  }

  tell() {
    const detail = this.setup ? told(this.setup) : { kind: null };
    this.root.dispatchEvent(new CustomEvent("laboratory:change", { bubbles: true, detail }));
  }

  writeAddress() {
    /** @type {Record<string, unknown>} */
    const setup = this.setup ? told(this.setup) : {};
    /** @type {Record<string, unknown>} */
    const parameters = { try: setup.kind, try_change: setup.change };
    for (const name of new Set(Object.values(SETTINGS).flat())) parameters[`try_${name}`] = setup[name];
    const owner = /** @type {any} */ (document.querySelector("#explorer"))?.explorer; // of the address, where it is
    if (owner) owner.setUrl(parameters);
    else history.replaceState(history.state, "", addressWith(location.href, parameters));
  }

  destroy() {
    clearTimeout(this.resting);
    this.root.remove();
  }
}

/**
 * What an address asks for: `try=KIND`, and `try_change`, `try_by` and so on.
 * @param {URLSearchParams} parameters
 * @returns {Wish | null}
 */
function wishOf(parameters) {
  const kind = parameters.get("try");
  if (!KINDS.includes(/** @type {Kind} */ (kind))) return null;
  const names = ["change", ...new Set(Object.values(SETTINGS).flat())];
  return { kind, ...Object.fromEntries(names.map((name) => [name, parameters.get(`try_${name}`) ?? undefined])) };
}
