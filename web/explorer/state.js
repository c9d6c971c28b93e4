/* What is chosen and what is held, of one explorer. */

import { readAddress } from "../shared/counting.js";
import { cells } from "../shared/geometry.js";
import { inPercent } from "../shared/words.js";

/** @import { Cell, ClassEntry, ExplorerValue, Head, Host, Scale, Wish } from "../types.js" */
/** @import { PhotoData } from "./data.js" */
/** @import { Panel } from "./panel.js" */

/** @typedef {"attention" | "attention_cls" | "attention_received" | "feature" | "similarity" | "rollout" | "class_evidence" | "evidence_against"} View */
/** @typedef {"stage" | "block" | "head" | "channel" | "method" | "target" | "against"} Choice */

/**
 * Which choices a view depends on; the views stand in the order in which they are offered.
 * @type {Record<View, Choice[]>}
 */
export const USES = {
  attention: ["stage", "block", "head"],
  attention_cls: ["stage", "block", "head"],
  attention_received: ["stage", "block", "head"],
  feature: ["stage", "channel"],
  similarity: ["stage"],
  rollout: ["target"],
  class_evidence: ["stage", "method", "target", "against"],
  evidence_against: ["stage", "method", "target"],
};

/**
 * What people ask, and the views that answer it, the best one first.
 * @type {Record<string, View[]>}
 */
export const QUESTIONS = {
  why: ["class_evidence", "evidence_against", "rollout"],
  look: ["attention", "attention_received"],
  gather: ["attention_cls"],
  see: ["feature"],
  alike: ["similarity"],
};

export const VIEWS = /** @type {View[]} */ (Object.keys(USES));

export class State {
  /**
   * @param {HTMLElement} root
   * @param {Host<ExplorerValue>} host
   */
  constructor(root, host) {
    this.root = root;
    this.text = host.words;
    this.theme = host.theme;
    /** What the address said when the page opened, as programs count. */
    this.parameters = readAddress(location.search);
    /** Whether there is no pointer to hover with: people tap. */
    this.taps = matchMedia("(hover: none)").matches;
    /** @type {Wish | null} what the address asked for, until it has been shown */
    this.link = this.parameters;
    /** @type {PhotoData | null} the photo on the screen */
    this.current = null;
    /** @type {PhotoData | null} the photo that will be */
    this.incoming = null;
    /** @type {Panel[]} */
    this.panels = [];
    this.columns = 1; // that the panels stand in
    /** @type {Scale | null} of the maps on the screen */
    this.scale = null;
    /** @type {Cell[]} at most two tokens */
    this.pins = [];
    /** @type {Cell} the token last pointed at or walked to */
    this.looked = [0, 0];
    /** @type {Cell | null} the token under the pointer */
    this.hovered = null;
    this.view = /** @type {View} */ ("class_evidence");
    this.stage = 0; // from 1 as soon as there is a photo
    this.block = 0;
    this.head = /** @type {Head} */ ("mean");
    this.channel = /** @type {number | "norm"} */ ("norm");
    this.target = -1;
    /** @type {number | null} the class that the other one is held against; null for the mean of all */
    this.against = null;
    this.method = "";
    this.opacity = 0.6;
    this.stretched = false;
    this.field = false;
  }

  /** The photo on the screen; to be asked for only while there is one. */
  get photo() {
    return /** @type {PhotoData} */ (this.current);
  }

  get stageNow() {
    return this.photo.stages[this.stage - 1];
  }

  /** The chosen class. */
  get classNow() {
    return this.classOf(this.target);
  }

  /**
   * A class; of one that the server has not told about yet only the number is known.
   * @param {number} index
   * @returns {ClassEntry}
   */
  classOf(index) {
    const known = this.photo.value.classes.find((entry) => entry.index === index);
    return known ?? { index, label: `#${index}`, probability: null };
  }

  get isReady() {
    return this.current !== null && this.root.dataset.state === "ready";
  }

  /** How many keys, queries and channels the chosen stage has, for sentences. */
  get counts() {
    const { keys, tokens, channels, has_cls } = this.stageNow;
    return { keys: cells(keys), queries: cells(tokens) + (has_cls ? 1 : 0), channels };
  }

  /**
   * A share in percent.
   * @param {number} share
   */
  percent = (share) => this.text("percent", { number: inPercent(share) });

  /** Whether evidence is shown that is the whole network's, whatever the stage. */
  get isWhole() {
    return USES[this.view].includes("method") && this.isAmong("methods");
  }

  /**
   * Whether the chosen method is on one of the photo's lists.
   * @param {"methods" | "contrasting"} list
   */
  isAmong(list) {
    return (this.incoming ?? this.current)?.value[list].includes(this.method) ?? false;
  }

  /** @param {Choice} choice */
  uses(choice) {
    if (choice === "stage" && this.isWhole) return false;
    if (choice === "against" && !this.isAmong("contrasting")) return false;
    return USES[this.view].includes(choice);
  }

  /**
   * A part of the explorer that is always there.
   * @param {string} selector
   */
  part = (selector) => /** @type {HTMLElement} */ (this.root.querySelector(selector));

  /**
   * A control by its name.
   * @param {string} name
   */
  control(name) {
    return /** @type {HTMLSelectElement} */ (this.root.querySelector(`[name="${name}"]`));
  }
}
