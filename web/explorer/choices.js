/* What somebody wishes to see, and what there is. */

/** @import { Cell, Head, Query, Stage } from "../types.js" */

/** @typedef {{ stage: number, block: number, head: Head }} Place */

/**
 * "row,column" or [row, column] or "cls" → [row, column] or "cls"; null for anything else.
 * @param {unknown} query
 * @returns {Query | null}
 */
export function parseQuery(query) {
  if (query === "cls") return "cls";
  const parts = typeof query === "string" ? query.split(",") : Array.isArray(query) ? query : [];
  const [row, column] = parts.map((part) => (String(part).trim() === "" ? NaN : Number(part)));
  return parts.length === 2 && Number.isInteger(row) && Number.isInteger(column) ? [row, column] : null;
}

/**
 * An index from 0 to count − 1, given as a number or text; negative ones count from the end; null for anything else.
 * @param {unknown} value
 * @param {number} count
 */
export function pickIndex(value, count) {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof number !== "number" || !Number.isInteger(number) || number < -count || number >= count) return null;
  return number < 0 ? number + count : number;
}

/**
 * "mean", "all", or a head's index.
 * @param {unknown} value
 * @param {number} heads
 */
export function pickHead(value, heads) {
  return value === "mean" || value === "all" ? value : pickIndex(value, heads);
}

/**
 * A stage counted from 1.
 * @param {unknown} value
 * @param {number} count
 */
export function pickStage(value, count) {
  const number = Number(value);
  return Number.isInteger(number) && number >= 1 && number <= count ? number : null;
}

/**
 * A token of a stage, counted from either end; null where the stage has no such token.
 * @param {unknown} value
 * @param {Pick<Stage, "tokens" | "has_cls">} stage
 * @returns {Query | null}
 */
export function pickQuery(value, stage) {
  const query = parseQuery(value);
  if (query === null) return null;
  if (query === "cls") return stage.has_cls ? query : null;
  const [row, column] = [pickIndex(query[0], stage.tokens.rows), pickIndex(query[1], stage.tokens.columns)];
  return row === null || column === null ? null : [row, column];
}

/**
 * Stage, block and head after some wishes: what they ask for where that exists, else what was chosen before.
 * @param {{ blocks: { length: number }, heads: number }[]} stages
 * @param {{ stage?: unknown, block?: unknown, head?: unknown }} current
 * @param {{ stage?: unknown, block?: unknown, head?: unknown }} wanted
 * @returns {Place}
 */
export function settle(stages, current, wanted) {
  const stage = pickStage(wanted.stage, stages.length) ?? pickStage(current.stage, stages.length) ?? stages.length;
  const { blocks, heads } = stages[stage - 1];
  const kept = stage === current.stage ? pickIndex(current.block, blocks.length) : null;
  return {
    stage,
    block: pickIndex(wanted.block, blocks.length) ?? kept ?? blocks.length - 1,
    head: pickHead(wanted.head, heads) ?? pickHead(current.head, heads) ?? "mean",
  };
}

/**
 * Whether two tokens are one.
 * @param {Query | null | undefined} first
 * @param {Query | null | undefined} second
 */
export function isSame(first, second) {
  return String(first) === String(second);
}

/**
 * The index of a query among a stage's queries.
 * @param {Pick<Stage, "tokens" | "has_cls">} stage
 * @param {Query} query
 */
export function queryIndex(stage, query) {
  return query === "cls" ? 0 : (stage.has_cls ? 1 : 0) + query[0] * stage.tokens.columns + query[1];
}
