/* Whether an answer is right, and what is said to it. */

import { fill } from "../shared/words.js";

/** @import { Asked, LessonQuestion } from "../types.js" */

/** @typedef {{ isRight: boolean, said: string }} Verdict */

/**
 * A number as people type it: full-width digits, a true minus, commas between thousands, a sign behind; null for
 * anything else.
 * @param {string} typed
 */
export function readNumber(typed) {
  const plain = typed
    .normalize("NFKC")
    .replace(/[\s_]|[%×]$/g, "")
    .replace("−", "-");
  const digits = /^-?\d{1,3}(,\d{3})+(\.\d+)?$/.test(plain) ? plain.replaceAll(",", "") : plain.replace(",", ".");
  return /^-?(\d+\.?\d*|\.\d+)$/.test(digits) ? Number(digits) : null;
}

/**
 * What is said to an answer: of a wrong one the reason, where the mistake can be told.
 * @param {LessonQuestion} question its words
 * @param {Asked} asked what fills them, and what is right
 * @param {number | string | [number, number]} given a number, an option's name, or a token's row and column
 * @returns {Verdict}
 */
export function judge({ says }, asked, given) {
  const isRight = isRightAnswer(asked, given);
  const say = (/** @type {string} */ name) => fill(says[name] ?? "", asked.values);
  if (asked.kind === "choice" && typeof given === "string") {
    const [, remark] = (says[given] ?? "").split("→");
    const told = remark === undefined ? say(isRight ? "right" : "wrong") : fill(remark.trim(), asked.values);
    return { isRight, said: told };
  }
  return { isRight, said: say(isRight ? "right" : (slipOf(asked, given) ?? "wrong")) };
}

/**
 * @param {Asked} asked
 * @param {number | string | [number, number]} given
 */
function isRightAnswer({ kind, answer, tolerance, tokens }, given) {
  if (kind === "token") return tokens.some((token) => String(token) === String(given));
  return kind === "choice" ? given === answer : isNear(Number(given), Number(answer), tolerance);
}

/**
 * The name of the mistake that leads to an answer.
 * @param {Asked} asked
 * @param {number | string | [number, number]} given
 */
function slipOf({ kind, slips }, given) {
  if (kind !== "number") return undefined;
  return Object.keys(slips).find((name) => isNear(Number(given), slips[name], Math.abs(slips[name]) * 0.01));
}

/**
 * @param {number} first
 * @param {number} second
 * @param {number} tolerance
 */
function isNear(first, second, tolerance) {
  return Math.abs(first - second) <= tolerance + 1e-9;
}

/**
 * An option of a choice as it is offered: what it says before the remark on it.
 * @param {LessonQuestion} question
 * @param {string} name
 * @param {Record<string, unknown>} values
 */
export function optionText({ says }, name, values) {
  return fill((says[name] ?? says.option ?? name).split("→")[0].trim(), values);
}

/**
 * What is shown to whoever gives up: a text of its own, or what is said to the right answer.
 * @param {LessonQuestion} question
 * @param {Asked} asked
 */
export function solution(question, asked) {
  if (question.says.shown) return fill(question.says.shown, asked.values);
  const values = asked.options.find(([name]) => name === asked.answer)?.[1] ?? {};
  const option = optionText(question, String(asked.answer), { ...asked.values, ...values });
  return asked.kind === "choice" ? `${option} ${judge(question, asked, asked.answer).said}` : String(asked.answer);
}

/**
 * Which of a question's variants a learner gets: another one for another learner, the same one each time.
 * @param {string} seed
 * @param {number} count
 */
export function variantOf(seed, count) {
  let hash = 2166136261; // FNV-1a
  for (const sign of seed) hash = Math.imul(hash ^ (sign.codePointAt(0) ?? 0), 16777619) >>> 0;
  return count ? ((hash ^ (hash >>> 13)) >>> 0) % count : 0;
}
