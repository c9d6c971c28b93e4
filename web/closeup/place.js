/* Where a close-up is: wishes of people, scripts and addresses, which count from 1, fitted to what there is. */

import { samePlace } from "../shared/geometry.js";

/** @import { Cell, Query } from "../types.js" */
/** @import { CloseUpStage, CloseUpValue, Kind, Place } from "./types.js" */

/** @typedef {Partial<Record<"kind" | "stage" | "block" | "head" | "query" | "channel" | "target" | "against", unknown>>} Wish */

/** @type {Kind[]} in the order in which a number comes about */
export const KINDS = ["embedding", "projection", "attention", "block", "answer"];

/** What each kind of close-up lets people choose. @type {Record<Kind, (keyof Place)[]>} */
export const CHOICES = {
  embedding: ["stage", "query", "channel"],
  projection: ["stage", "block", "query", "channel"],
  attention: ["stage", "block", "head", "query", "channel"],
  block: ["stage", "block", "query", "channel"],
  answer: ["target", "against"],
};

/** Kinds about tokens of which CLS may be one. */
const OF_CLS = ["attention", "block"];

/**
 * @param {unknown} name
 * @returns {name is Kind}
 */
export function isKind(name) {
  return KINDS.includes(/** @type {Kind} */ (name));
}

/**
 * A number from 1 to `count`, from 0; null where it is none.
 * @param {unknown} wish
 * @param {number} count
 */
export function pick(wish, count) {
  const number = wish === null || wish === "" ? NaN : Number(wish);
  return Number.isInteger(number) && number >= 1 && number <= count ? number - 1 : null;
}

/**
 * Classes have the numbers of their model, from 0, here as everywhere.
 * @param {CloseUpValue} value
 * @param {unknown} wish
 */
function classOf({ class_count }, wish) {
  const index = pick(Number(wish ?? NaN) + 1, class_count);
  return wish === "" ? null : index;
}

/**
 * @param {unknown} wish "cls", "row,column" or [row, column]
 * @param {CloseUpStage} stage
 * @returns {Query | null}
 */
export function pickToken(wish, { tokens, has_cls }) {
  if (wish === "cls") return has_cls ? "cls" : null;
  const [row, column] = Array.isArray(wish) ? wish : String(wish ?? "").split(",");
  const cell = [pick(row, tokens.rows), pick(column, tokens.columns)];
  return cell.includes(null) ? null : /** @type {Cell} */ (cell);
}

/**
 * The first place, in the middle of the photo.
 * @param {CloseUpValue} value
 * @returns {Place}
 */
export function firstPlace({ stages, classes }) {
  const { tokens } = stages[0];
  const [target, against] = [classes[0].index, (classes[1] ?? classes[0]).index];
  const query = /** @type {Cell} */ ([Math.floor(tokens.rows / 2), Math.floor(tokens.columns / 2)]);
  return { kind: "embedding", stage: 0, block: 0, head: 0, query, channel: 0, target, against };
}

/**
 * A place after a wish; what the wish leaves open stays as far as it exists there.
 * @param {CloseUpValue} value
 * @param {Place} before
 * @param {Wish} wish
 * @returns {Place}
 */
export function settle(value, before, wish) {
  const kind = isKind(wish.kind) ? wish.kind : before.kind;
  const last = value.stages.length - 1;
  const number = kind === "answer" ? last : (pick(wish.stage, last + 1) ?? Math.min(before.stage, last));
  const stage = value.stages[number];
  const block = pick(wish.block, stage.blocks) ?? Math.min(before.block, stage.blocks - 1);
  const size = stage.channels / stage.heads;
  const wished = pick(wish.channel, stage.channels);
  let channel = wished ?? Math.min(before.channel, stage.channels - 1);
  let head = pick(wish.head, stage.heads) ?? Math.min(before.head, stage.heads - 1);
  if (kind === "attention") {
    if (wished !== null && wish.head === undefined) head = Math.floor(channel / size);
    channel = head * size + (channel % size);
  }
  return {
    kind,
    stage: number,
    block,
    head,
    channel,
    query: token(value, before, number, kind, wish.query),
    target: classOf(value, wish.target) ?? Math.min(before.target, value.class_count - 1),
    against: classOf(value, wish.against) ?? Math.min(before.against, value.class_count - 1),
  };
}

/**
 * @param {CloseUpValue} value
 * @param {Place} before
 * @param {number} number of the stage
 * @param {Kind} kind
 * @param {unknown} wish
 * @returns {Query}
 */
function token({ stages }, before, number, kind, wish) {
  const stage = stages[number];
  const wished = pickToken(wish, stage);
  if (wished && (wished !== "cls" || OF_CLS.includes(kind))) return wished;
  const { tokens } = stage;
  if (before.query === "cls") {
    if (stage.has_cls && OF_CLS.includes(kind)) return "cls";
    return [Math.floor(tokens.rows / 2), Math.floor(tokens.columns / 2)];
  }
  const from = stages[Math.min(before.stage, stages.length - 1)].tokens;
  return samePlace(from, tokens, before.query);
}

/**
 * A token's number among all of its stage, CLS first.
 * @param {CloseUpStage} stage
 * @param {Query} query
 */
export function tokenNumber({ tokens, has_cls }, query) {
  return query === "cls" ? 0 : query[0] * tokens.columns + query[1] + (has_cls ? 1 : 0);
}

/**
 * What scripts and addresses see of a place: what its kind lets people choose, from 1; classes by their model's numbers.
 * @param {Place} place
 * @returns {Record<string, string | number>}
 */
export function told(place) {
  /** @type {Record<string, string | number>} */
  const result = { kind: place.kind };
  for (const name of CHOICES[place.kind]) {
    const chosen = place[name];
    if (name === "target" || name === "against") result[name] = place[name];
    else if (name === "query")
      result.query = typeof chosen === "object" ? chosen.map((index) => index + 1).join(",") : chosen;
    else result[name] = Number(chosen) + 1;
  }
  return result;
}
