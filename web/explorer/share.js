/* The address of what is on the screen, a link to it, and a picture of it. */

import { addressWith } from "../shared/address.js";
import { paletteFor } from "../shared/colour.js";
import { fromOne, readAddress, toAddress } from "../shared/counting.js";
import { make, setText } from "../shared/dom.js";
import { photoOfEntry } from "../shared/keeping.js";
import { windowOf } from "../shared/geometry.js";
import { withoutTerms } from "../shared/glossary.js";
import { isSame } from "./choices.js";
import { CHOICES } from "./controls.js";
import { placeOf } from "./facts.js";
import { legendOf } from "./legend.js";
import { wantedPanels } from "./maps.js";
import { composePicture } from "./picture.js";

/** @import { Box, Query, Wish } from "../types.js" */
/** @import { Choice, State } from "./state.js" */

const SPACES = "https://huggingface.co"; // where a Space's page lives that holds this one in a frame
const STEPS = ["example", "stage"]; // what Back undoes
const REST = 300; // milliseconds of rest before an address is written while somebody walks: browsers limit how often

/** What leaves the explorer: its address and its pictures. */
export class Share {
  /**
   * @param {State} state
   * @param {(wanted: Wish) => void} open
   */
  constructor(state, open) {
    this.state = state;
    this.writing = 0;
    this.photo = photoOfEntry(); // number of the kept photo that the address was written for last
    this.listening = new AbortController();
    window.addEventListener("popstate", () => this.goBack(open), { signal: this.listening.signal });
  }

  /**
   * What the address says now, after a step back or forth. Another photo than the one on the screen is on its way.
   * @param {(wanted: Wish) => void} open
   */
  goBack(open) {
    const { state } = this;
    const said = readAddress(location.search);
    const photo = said.example ? null : photoOfEntry();
    if ((said.example ?? null) === state.current?.value.example && photo === this.photo) return open(said);
    if (!said.example && photo === null) return state.isReady ? this.writeUrl() : undefined; // not kept: it cannot come
    state.link = said;
    if (photo !== null) state.root.dispatchEvent(new CustomEvent("explorer:photo", { bubbles: true }));
  }

  /**
   * Change parameters of the page's address; null removes one, all others stay. Another photo or stage than the
   * address had makes an entry in the history, which remembers somebody's own photo by its number.
   * @param {Record<string, unknown>} changes
   */
  setUrl(changes) {
    const href = addressWith(location.href, changes);
    const was = photoOfEntry();
    if (href === location.href && was === this.photo) return;
    const [before, after] = [new URL(location.href), new URL(href)];
    const isStep = STEPS.some((name) => {
      const said = before.searchParams.get(name);
      return said !== null && said !== after.searchParams.get(name);
    });
    const isOther = was !== null && was !== this.photo;
    history[isStep || isOther ? "pushState" : "replaceState"]({ ...history.state, photo: this.photo }, "", href);
    if (window.parent !== window) window.parent.postMessage({ queryString: location.search.slice(1) }, SPACES);
  }

  writeUrl() {
    this.photo = this.state.photo.kept;
    this.setUrl(this.parameters());
  }

  /** What is on the screen, as parameters. A photo that somebody brought has no name and is never among them. */
  parameters() {
    const { state } = this;
    const { view, stage, block, head, channel, target, against, method } = state;
    const { example, model } = state.photo.value;
    const [query, compare] = view === "attention_cls" ? ["cls"] : state.pins;
    const used = (/** @type {Choice} */ name, /** @type {unknown} */ value) => (state.uses(name) ? value : null);
    const shown = { example, model, stage, block, head, view, query, compare };
    const special = {
      channel: used("channel", channel),
      target: used("target", target),
      method: used("method", method),
      against: used("against", against),
    };
    return toAddress({ ...shown, ...special });
  }

  /** The same when the walk has come to rest. */
  writeUrlSoon() {
    clearTimeout(this.writing);
    this.writing = window.setTimeout(() => this.writeUrl(), REST);
  }

  async copyLink() {
    const { state } = this;
    if (!state.current) return;
    if (!state.current.value.example) return this.tell("message.private");
    this.writeUrl();
    try {
      await navigator.clipboard.writeText(location.href);
      this.tell("message.copied");
    } catch {
      this.tell("message.link", { link: location.href });
    }
  }

  async savePicture() {
    const { state } = this;
    if (!state.isReady) return;
    const data = state.photo;
    try {
      const photo = await data.original();
      if (data !== state.current) return photo.close();
      const canvas = this.compose(photo);
      photo.close();
      /** @type {Blob | null} */
      const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
      if (!blob) throw new Error(`${canvas.width} × ${canvas.height}`);
      download(blob, `${this.fileName()}.png`);
      this.tell("message.saved", { width: canvas.width, height: canvas.height });
    } catch (error) {
      this.tell("message.failed", { reason: error instanceof Error ? error.message : error });
    }
  }

  /**
   * What the panels show now, on the photo at full size.
   * @param {ImageBitmap} photo
   */
  compose(photo) {
    const { state } = this;
    const map = state.panels[0].shows;
    const panels = wantedPanels(state).map(({ query }, index) => {
      const { shows, caption } = state.panels[index];
      return { map: shows, caption: caption.textContent ?? "", boxes: this.boxesOf(query) };
    });
    return composePicture(photo, panels, {
      crop: state.photo.value.crop,
      view: state.panels[0].view,
      columns: state.columns,
      palette: paletteFor(state.theme, map?.kind ?? "distribution"),
      scale: state.scale,
      opacity: state.opacity,
      title: this.titleOf(),
      credit: state.photo.value.credit?.[state.text.language] ?? "",
      legend: map ? legendOf(state, map) : { name: "", ticks: [] },
    });
  }

  /**
   * What is on the screen, in words: the view, the model, everything chosen, the tokens, and what was read there.
   * @returns {string[]}
   */
  titleOf() {
    const { state } = this;
    const { text, view } = state;
    const said = (/** @type {unknown} */ label, /** @type {unknown} */ value) => text("fact", { label, value });
    const chosen = CHOICES.filter((name) => state.uses(name)).map((name) =>
      said(withoutTerms(text, text(name === "target" ? "class" : name)), state.control(name).selectedOptions[0]?.text),
    );
    const places = shownTokens(state).map((token) => placeOf(state, token));
    const read = [...state.part(".facts").children].map(({ children: [label, value] }) =>
      said(label.textContent, value.textContent),
    );
    const known = [...chosen, said(text("fact.token"), places.join(" | "))];
    return [text(`view.${view}`), state.photo.value.model, ...new Set([...known, ...read])];
  }

  /** What a file is called that shows what is on the screen: photo, model, view and everything chosen. */
  fileName() {
    const { state } = this;
    const { example, model } = state.photo.value;
    const places = shownTokens(state).map((token) => fromOne(token));
    const chosen = CHOICES.filter((name) => state.uses(name)).map((name) => {
      const value = state[name];
      return `${name}-${["stage", "target"].includes(name) ? value : fromOne(value)}`;
    });
    const parts = ["cvt", example ?? "photo", model, state.view, ...chosen, ...places];
    const words = parts.map((part) => String(part).replace(/[^\p{L}\p{N}_]+/gu, "-"));
    return words.join("-").slice(0, 150);
  }

  /**
   * The token of a panel and every pin.
   * @param {Query} query
   * @returns {[string, Box][]}
   */
  boxesOf(query) {
    const { tokens, queries } = this.state.stageNow;
    const { crop } = this.state.photo.value;
    const looking = query === "cls" ? [] : [query];
    const others = this.state.pins.filter((pin) => !isSame(pin, query));
    /** @type {[string, Box][]} */
    const fields = looking.flatMap((token) =>
      [tokens, queries].map((grid) => ["field", windowOf(crop, grid, token, grid.receptive_field)]),
    );
    const marks = [...others, ...looking].map((token) => ["token", windowOf(crop, tokens, token, tokens.stride)]);
    return [...(this.state.field ? fields : []), .../** @type {[string, Box][]} */ (marks)];
  }

  /**
   * @param {string} name
   * @param {Record<string, unknown>} [values]
   */
  tell(name, values) {
    setText(this.state.part(".message"), this.state.text(name, values));
  }

  /** Write no address any more. */
  stop() {
    clearTimeout(this.writing);
    this.listening.abort();
  }
}

/**
 * The tokens that what is on the screen is about: the pins, else those of the panels.
 * @param {State} state
 * @returns {Query[]}
 */
function shownTokens(state) {
  if (state.view === "attention_cls") return ["cls"];
  const tokens = state.pins.length ? state.pins : wantedPanels(state).map(({ query }) => query);
  return tokens.filter((token, index) => tokens.findIndex((other) => isSame(other, token)) === index);
}

/**
 * @param {Blob} blob
 * @param {string} name
 */
export function download(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
