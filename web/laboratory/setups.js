/* What is tried in a laboratory: wishes fitted to what the model on the page offers, and what follows from a trial. */

/** @import { Change, Kind, LaboratoryValue, Setup, Trial, Way, Wish } from "./types.js" */

/** @type {Kind[]} */
export const KINDS = ["place", "break"];

/** @type {Way[]} */
export const WAYS = ["left", "up", "down", "right"];

export const SHAPES = /** @type {const} */ (["square", "photo", "wide", "tall"]);

/** What each change is told by. @type {Record<Change, (keyof Wish)[]>} */
export const SETTINGS = {
  shift: ["way", "by"],
  size: ["longest", "shape"],
  flip: ["over"],
  shuffle: ["pieces", "seed"],
  border: [],
  convolution: ["to"],
  keys: [],
  head: ["stage", "block", "head"],
  block: ["stage", "block"],
  cls: [],
  activation: ["to"],
};

/**
 * Nothing is changed at first.
 * @param {LaboratoryValue} value
 * @returns {Setup}
 */
export function firstSetup(value) {
  const { stages, side, pieces, activations } = value;
  const last = stages.length;
  return {
    ...{ kind: "place", change: "shift", way: "right", by: 0, longest: side, shape: "square", over: "vertical" },
    ...{ pieces: pieces[1] ?? pieces[0], seed: 1, convolution: "identity", activation: activations[0] },
    ...{ stage: last, block: stages[last - 1].blocks, head: 1 },
  };
}

/**
 * @template T
 * @param {unknown} wish
 * @param {readonly T[]} known
 * @param {T} otherwise
 * @returns {T}
 */
function among(wish, known, otherwise) {
  return (
    known.find((setting) => String(setting) === String(wish)) ?? (known.includes(otherwise) ? otherwise : known[0])
  );
}

/**
 * @param {unknown} wish
 * @param {number} least
 * @param {number} most
 * @param {number} otherwise
 */
function whole(wish, least, most, otherwise) {
  const number = wish === undefined || wish === null || wish === "" ? NaN : Math.round(Number(wish));
  return Math.min(Math.max(Number.isFinite(number) ? number : otherwise, least), most);
}

/**
 * A setup after a wish; what the wish leaves open stays as far as the model has it. A kind without a change begins anew.
 * @param {LaboratoryValue} value
 * @param {Setup} before
 * @param {Wish} wish
 * @returns {Setup}
 */
export function settle(value, before, wish) {
  const { stages, least, most, side } = value;
  const owner = KINDS.find((kind) => value.changes[kind].includes(/** @type {Change} */ (wish.change)));
  const kind = owner ?? among(wish.kind, KINDS, before.kind);
  const offered = value.changes[kind];
  const isNew = wish.kind !== undefined && wish.change === undefined;
  let change = owner ? /** @type {Change} */ (wish.change) : before.change;
  if (isNew || (change && !offered.includes(change))) change = kind === "place" ? offered[0] : null;
  const stage = whole(wish.stage, 1, stages.length, before.stage);
  const room = stages[stage - 1];
  return {
    kind,
    change,
    way: among(wish.way, WAYS, before.way),
    by: whole(wish.by, 0, value.most_shift, isNew ? 0 : before.by),
    longest: whole(wish.longest, least, most, before.longest || side),
    shape: among(wish.shape, SHAPES, before.shape),
    over: among(wish.over, /** @type {const} */ (["vertical", "horizontal"]), before.over),
    pieces: among(wish.pieces, value.pieces, before.pieces),
    seed: whole(wish.seed, 1, 2 ** 31, before.seed),
    convolution: among(
      change === "convolution" ? wish.to : undefined,
      /** @type {const} */ (["identity", "mean"]),
      before.convolution,
    ),
    activation: among(change === "activation" ? wish.to : undefined, value.activations, before.activation),
    stage,
    block: whole(wish.block, 1, room.blocks, before.block),
    head: whole(wish.head, 1, room.heads, before.head),
  };
}

/**
 * A setup as an address and the host get it: no more than its change is told by.
 * @param {Setup} setup
 * @returns {Partial<Record<keyof Setup | "to", string | number>>}
 */
export function told(setup) {
  const { kind, change } = setup;
  if (!change) return { kind };
  const to = change === "activation" ? setup.activation : setup.convolution;
  const all = { ...setup, to };
  return { kind, change, ...Object.fromEntries(SETTINGS[change].map((name) => [name, all[name]])) };
}

/**
 * The same in one line, for whoever watches what has been tried.
 * @param {Setup} setup
 */
export function inShort(setup) {
  const { kind, ...rest } = told(setup);
  return Object.values(rest).join(" ") || String(kind);
}

/** @param {Setup} setup whether it leaves everything as it was */
export function isNothing({ change, by }) {
  return change === null || (change === "shift" && by === 0);
}

/**
 * Where an arrow key moves the photo that stands so many pixels from where it was.
 * @param {Pick<Setup, "way" | "by">} setup
 * @param {Way} other that of the key
 * @param {number} step
 * @param {number} most
 * @returns {Pick<Setup, "way" | "by">}
 */
export function moved({ way, by }, other, step, most) {
  /** @type {Record<Way, Way>} */
  const opposite = { left: "right", right: "left", up: "down", down: "up" };
  if (way === other) return { way, by: Math.min(by + step, most) };
  if (way === opposite[other] && by > 0) {
    return by >= step ? { way, by: by - step } : { way: other, by: step - by };
  }
  return { way: other, by: step };
}

/**
 * The last stage of which a shift is so many whole steps; null where it is none of any.
 * @param {LaboratoryValue} value
 * @param {number} by
 */
export function wholeSteps({ stages }, by) {
  const fitting = stages.map(({ step }, index) => ({ stage: index + 1, step, places: by / step }));
  return fitting.findLast(({ places }) => by > 0 && Number.isInteger(places)) ?? null;
}

/**
 * What follows from a trial: the name of a sentence, and what fills it.
 * @param {LaboratoryValue} value
 * @param {Setup} setup
 * @param {Trial} trial
 * @returns {[string, Record<string, string | number>]}
 */
export function consequence(value, setup, { before, after }) {
  const { change, by } = setup;
  if (change === null) return ["follows.nothing", {}];
  const sum = (/** @type {number[]} */ tokens) => tokens.reduce((total, count) => total + count, 0);
  const values = {
    ...{ by, step: value.stages[0].step, side: Math.floor(Math.min(before.height, before.width) / setup.pieces) },
    ...{ tokens: sum(before.tokens), now: sum(after.tokens), height: after.height, width: after.width },
    ...{ stage: setup.stage, block: setup.block, head: setup.head, keys: value.keys },
  };
  if (change !== "shift") return [`follows.${change}`, values];
  if (by === 0) return ["follows.still", values];
  const found = wholeSteps(value, by);
  return found ? ["follows.whole", { ...values, ...found }] : ["follows.part", values];
}
