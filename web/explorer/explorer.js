/* The explorer itself: what is chosen comes onto the screen, and whatever is late stays off it. */

import { attentionRow } from "../shared/attention.js";
import { limits, paletteFor } from "../shared/colour.js";
import { fromOne } from "../shared/counting.js";
import { useStyle } from "../shared/dom.js";
import { viewOf } from "../shared/geometry.js";
import { photoOfEntry } from "../shared/keeping.js";
import { Background } from "./background.js";
import { pickHead, pickIndex, pickQuery, pickStage, queryIndex } from "./choices.js";
import { adopt, choose, isPhotoOf } from "./choosing.js";
import { CHOICES, Notices, asked, prepareControls, questions, refreshControls } from "./controls.js";
import { PhotoData } from "./data.js";
import { FORMATS, Figures } from "./figure.js";
import { Legend } from "./legend.js";
import { mapKey, mapOf, needs, wantedPanels } from "./maps.js";
import { drawMarks } from "./marks.js";
import { Panel, fit } from "./panel.js";
import { Pointer } from "./pointer.js";
import { Presentation } from "./presentation.js";
import { Share } from "./share.js";
import { NARROW, skeleton } from "./skeleton.js";
import { State } from "./state.js";
import { meantBy } from "./wishes.js";

/** @import { DrawnMap, ExplorerValue, Host, Part, Wish } from "../types.js" */
/** @import { Wanted } from "./maps.js" */

/**
 * Put an explorer into an element. Its root `#explorer` has an object `explorer` for scripts and other parts:
 * `open(wish)`, `attentionRow(stage, block, head, query)`, `setUrl(changes)`, `settle()` and `parameters`. Programs count as Python
 * does: stages from 1, everything else from 0.
 * @param {HTMLElement} element
 * @param {Host<ExplorerValue>} host
 * @returns {Part}
 */
export function mount(element, host) {
  useStyle(new URL("explorer.css", import.meta.url));
  const root = skeleton(host.words);
  element.replaceChildren(root);
  const explorer = new Explorer(root, host);
  Object.assign(root, {
    explorer: {
      attentionRow: explorer.rowOf.bind(explorer),
      open: explorer.open.bind(explorer),
      setUrl: explorer.share.setUrl.bind(explorer.share),
      settle: explorer.settle.bind(explorer),
      parameters: explorer.state.parameters,
    },
  });
  explorer.load(host.value);
  host.watch(() => explorer.load(host.value));
  return { update: () => explorer.load(host.value), destroy: () => explorer.destroy() };
}

/** One explorer, from values of its host to pixels. */
class Explorer {
  /**
   * @param {HTMLElement} root
   * @param {Host<ExplorerValue>} host
   */
  constructor(root, host) {
    this.root = root;
    this.host = host;
    this.state = new State(root, host);
    this.turn = 0; // counts wishes: what an older one brings is dropped
    this.newest = 0; // when the newest value was made
    /** @type {Promise<void>} */
    this.latest = Promise.resolve();
    this.frame = 0;
    this.asked = ""; // the question put to the host last
    this.background = new Background();
    this.notices = new Notices(this.state);
    this.legend = new Legend(this.state);
    this.share = new Share(this.state, (wanted) => this.open(wanted));
    this.figures = new Figures(this.state, host, this.share);
    this.presentation = new Presentation(this.state);
    this.pointer = new Pointer(this.state, {
      render: () => this.render(),
      renderSoon: () => this.renderSoon(),
      show: () => this.show(),
      walked: () => this.share.writeUrlSoon(),
    });
    this.resized = new ResizeObserver(() => this.fitPanels());
    this.narrow = matchMedia(NARROW);
    this.fold = () => this.state.part(".side").toggleAttribute("open", !this.narrow.matches);
    this.listen();
  }

  listen() {
    const { state, share } = this;
    prepareControls(state);
    for (const name of ["view", ...CHOICES]) {
      state.control(name).addEventListener("change", ({ target }) => {
        this.open({ [name]: /** @type {HTMLSelectElement} */ (target).value });
      });
    }
    for (const button of questions(state)) {
      button.addEventListener("click", () => {
        if (state.current) this.open(asked(state, button.dataset.question ?? ""));
      });
    }
    const scale = state.control("scale");
    scale.addEventListener("change", () => {
      state.stretched = scale.value === "stretched";
      this.renderSoon();
    });
    const [field, opacity] = ["field", "opacity"].map((name) => /** @type {any} */ (state.control(name)));
    field.addEventListener("change", () => {
      state.field = field.checked;
      this.renderSoon();
    });
    opacity.addEventListener("input", () => {
      state.opacity = Number(opacity.value);
      this.root.style.setProperty("--overlay", opacity.value);
    });
    state.control("save").addEventListener("click", () => share.savePicture());
    for (const format of FORMATS) state.control(format).addEventListener("click", () => this.figures.order(format));
    state.control("share").addEventListener("click", () => share.copyLink());
    state.part(".frame").addEventListener("keydown", (event) => this.pointer.onKey(event));
    this.resized.observe(state.part(".panels"));
    this.narrow.addEventListener("change", this.fold);
    this.fold();
  }

  // ---- photos ------------------------------------------------------------------------------------------------------

  /**
   * A value from the host: another photo, or more about the one that is there.
   * @param {ExplorerValue | null} value
   */
  load(value) {
    const { state } = this;
    if (!value) return this.clear();
    const held = state.incoming ?? state.current;
    if (held?.value.key === value.key) {
      held.extend(value);
    } else if (value.made > this.newest) {
      state.incoming?.close();
      state.incoming = new PhotoData(value, this.background);
    } else {
      return; // an answer about a photo that has been left since
    }
    this.newest = Math.max(this.newest, value.made);
    this.figures.take(value);
    this.show();
  }

  clear() {
    this.dropPhotos();
    this.clearPanels();
    this.legend.say([]);
    this.legend.show(null);
    this.notices.setState("empty", this.state.text("notice.empty"));
  }

  dropPhotos() {
    const { state } = this;
    this.turn++;
    state.incoming?.close();
    state.current?.close();
    state.incoming = state.current = null;
  }

  destroy() {
    this.dropPhotos();
    this.background.close();
    this.resized.disconnect();
    this.narrow.removeEventListener("change", this.fold);
    this.legend.stop();
    this.share.stop();
    this.presentation.stop();
    this.notices.setState("empty");
    this.root.remove();
  }

  /** Bring what is chosen onto the screen. Resolves when it, or something newer, is there. */
  show() {
    this.latest = this.bring(++this.turn);
    return this.latest;
  }

  /** @param {number} mine */
  async bring(mine) {
    const { state, root } = this;
    const { text } = state;
    const data = state.incoming ?? state.current;
    if (!data) return;
    const first = data !== state.current;
    if (first && !data.adopted) adopt(state, data);
    const needed = needs(state, data);
    if (first || needed.some(({ name }) => !data.peek(name))) {
      const waiting = state.view === "attention_received" ? "notice.received" : "notice.loading";
      this.notices.setState("loading", text(waiting));
      try {
        await Promise.all([data.photo(), ...needed.map(({ start }) => start())]);
      } catch (error) {
        if (mine === this.turn) this.fail(error);
        return;
      }
      if (mine !== this.turn) return;
    }
    if (first) {
      state.current?.close();
      [state.current, state.incoming] = [data, null];
      root.dataset.preloaded = "false";
    }
    this.arrange();
    this.render();
    this.notices.setState("ready");
    if (!state.link) this.share.writeUrl();
    const { view, stage, block, head } = state;
    root.dispatchEvent(new CustomEvent("explorer:change", { bubbles: true, detail: { view, stage, block, head } }));
    whenIdle(() => this.preload(data));
  }

  /**
   * Fetch the rest; `data-preloaded` says when nothing is missing any more.
   * @param {PhotoData} data
   */
  async preload(data) {
    if (data.closed) return;
    this.background.start();
    await data.preload(this.state.stage, whenIdle);
    if (data === this.state.current) this.root.dataset.preloaded = String(!data.missing(this.state.stage));
  }

  /** @param {unknown} error */
  fail(error) {
    const { panels, text } = this.state;
    for (const panel of panels) panel.forgetMap();
    const reason = error instanceof Error ? error.message : error;
    this.notices.setState("error", text("notice.error", { reason }), text("notice.retry"), () => this.show());
  }

  // ---- choices -----------------------------------------------------------------------------------------------------

  /**
   * Open { stage, block, head, view, query, … }, any of them. Resolves when it is on the screen.
   * @param {Wish} wanted
   */
  async open(wanted) {
    const { state } = this;
    const data = state.incoming ?? state.current;
    if (!data) {
      state.link = { ...state.link, ...wanted };
      return;
    }
    state.link = null;
    if (wanted.target !== undefined || wanted.against !== undefined) this.asked = ""; // whoever chooses a class again asks again
    choose(state, wanted, data);
    this.show();
    await this.settled();
  }

  /**
   * Nothing more is on its way: what the address asked for is shown with the model that could be had, and if need be
   * of another photo than it named; somebody's own may still come.
   */
  async settle(otherPhoto = false) {
    const { state } = this;
    await this.settled();
    const { link, current } = state;
    if (!link || !current) return;
    const named = otherPhoto && (link.example || photoOfEntry() === null);
    if (named || isPhotoOf(link, current)) await this.open(meantBy(link));
  }

  async settled() {
    for (let seen; seen !== this.latest;) await (seen = this.latest);
  }

  /**
   * The row of attention that is drawn: softmax over all keys, CLS first where the stage has one.
   * @param {unknown} stage from 1
   * @param {unknown} block
   * @param {unknown} head
   * @param {unknown} query
   */
  async rowOf(stage, block, head, query) {
    await this.settled();
    const { current } = this.state;
    if (!current) throw new Error("there is no photo yet");
    const number = pickStage(stage, current.stages.length) ?? 0;
    const found = current.stages.at(number - 1);
    const index = pickIndex(block, found?.blocks.length ?? 0);
    const chosen = pickHead(head ?? "mean", found?.heads ?? 0);
    const token = found ? pickQuery(query, found) : null;
    if (!number || !found || index === null || chosen === null || token === null) {
      throw new RangeError(`no attention for stage ${stage}, block ${block}, head ${head}, query ${query}`);
    }
    const numbers = await current.block(number, index);
    return attentionRow(numbers, chosen === "all" ? "mean" : chosen, queryIndex(found, token));
  }

  // ---- the screen --------------------------------------------------------------------------------------------------

  clearPanels() {
    this.state.part(".panels").replaceChildren();
    this.state.panels = [];
  }

  /** Make panels and controls fit the choice. Not on the pointer's path. */
  arrange() {
    const { state } = this;
    const { crop } = state.photo.value;
    const count = wantedPanels(state).length;
    if (state.panels.length !== count || state.panels[0].crop !== crop) {
      this.clearPanels();
      const view = viewOf(crop, count > 1); // side by side there is no room for what the model does not see
      state.panels = Array.from(
        { length: count },
        () => new Panel(state.part(".panels"), crop, view, state.text("label")),
      );
      for (const panel of state.panels) this.pointer.listen(panel);
    }
    this.fitPanels();
    for (const panel of state.panels) panel.drawGrid(state.stageNow.tokens);
    refreshControls(state);
  }

  fitPanels() {
    const { state } = this;
    const { panels, current, part } = state;
    if (!current || !panels.length) return;
    state.columns = fit(panels, part(".frame"), this.narrow.matches);
    for (const panel of panels) panel.drawPhoto(current.peek("photo"));
  }

  renderSoon() {
    if (this.frame || !this.state.isReady) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (this.state.isReady) this.render();
    });
  }

  /** Numbers to pixels and words: everything that a move of the pointer changes. */
  render() {
    const { state } = this;
    const wanted = wantedPanels(state);
    const keys = wanted.map((panel) => mapKey(state, panel));
    if (keys.some((key, index) => state.panels[index].drawn !== key)) this.drawMaps(wanted, keys);
    drawMarks(state, wanted);
    this.legend.say(wanted.map((panel, index) => ({ ...panel, map: state.panels[index].shows })));
    const { view, stage, block, head } = state;
    const { query } = wanted[wanted.length - 1];
    const counted = { block: fromOne(block), head: fromOne(head), query: fromOne(query) };
    Object.assign(this.root.dataset, { view, stage, ...counted }); // as the address counts
  }

  /**
   * @param {Wanted[]} wanted
   * @param {string[]} keys
   */
  drawMaps(wanted, keys) {
    const { state } = this;
    const maps = wanted.map((panel) => mapOf(state, panel));
    const drawn = /** @type {DrawnMap[]} */ (maps.filter(Boolean));
    const { kind, baseline, reach } = drawn[0] ?? { kind: "distribution" };
    const { stretched, theme } = state;
    const values = drawn.length ? drawn.map((map) => map.values) : [[0, 1]];
    const scale = limits(theme.colours[kind], values, { stretched, baseline, reach });
    state.scale = scale;
    state.panels.forEach((panel, index) => {
      panel.shows = maps[index];
      panel.drawn = maps[index] ? keys[index] : null;
      panel.drawMap(maps[index], paletteFor(theme, kind), scale);
    });
    this.legend.show(maps[0]);
    this.explainAbsence(maps[0]);
  }

  /**
   * Why there is no map, and what to do about it.
   * @param {DrawnMap | null} map
   */
  explainAbsence(map) {
    const { notices, state } = this;
    const { text, photo, stage } = state;
    if (map) return notices.show("");
    if (state.view === "attention_cls") {
      const first = photo.stages.findIndex((entry) => entry.has_cls) + 1;
      const words = first ? text("notice.no cls", { stage, first }) : text("notice.never cls");
      return notices.show(words, text("notice.show received"), () => this.open({ view: "attention_received" }));
    }
    const { index, label } = state.classNow;
    notices.show(text("notice.evidence", { class: text.className(label) }));
    const against = state.uses("against") ? state.against : null;
    const question = `${photo.value.key} ${index} ${against}`;
    if (this.asked !== question) this.host.trigger("evidence", { class_index: index, against });
    this.asked = question;
  }
}

/** @param {() => void} work */
function whenIdle(work) {
  if ("requestIdleCallback" in window) requestIdleCallback(work, { timeout: 500 });
  else setTimeout(work, 30);
}
