/* A question as it stands in a step: asked, answered, and told why. */

import { make, setText } from "../shared/dom.js";
import { fill } from "../shared/words.js";
import { judge, optionText, readNumber, solution, variantOf } from "./answers.js";
import { prose } from "./prose.js";
import { explorerWish } from "./steps.js";
import { followToken, partOf, showMap } from "./waiting.js";

/** @import { Asked, LessonFacts, LessonQuestion, Words } from "../types.js" */
/** @import { Progress } from "./progress.js" */

/**
 * @typedef {object} Asking What a question needs to know.
 * @property {Words} words
 * @property {LessonFacts} facts
 * @property {Progress} progress
 * @property {AbortSignal} signal
 * @property {() => void} answered
 */

let count = 0; // of groups of options, which need names of their own

/**
 * A question; null where the model has nothing to ask about.
 * @param {LessonQuestion} question
 * @param {Asking} asking
 */
export function questionNode(question, asking) {
  const variants = asking.facts.questions[question.name] ?? [];
  if (!variants.length) return null;
  const node = make("form", { class: "question", novalidate: true, "data-question": question.name });
  const first = variantOf(`${asking.progress.learner} ${asking.facts.key} ${question.name}`, variants.length);
  let turn = 0;
  const ask = () => fillForm(node, question, variants[(first + turn) % variants.length], asking, again);
  const again = () => {
    turn++;
    ask();
    /** @type {HTMLElement | null} */ (node.querySelector("input"))?.focus();
  };
  ask();
  return node;
}

/**
 * @param {HTMLFormElement} node
 * @param {LessonQuestion} question
 * @param {Asked} asked
 * @param {Asking} asking
 * @param {() => void} again
 */
function fillForm(node, question, asked, asking, again) {
  const { words, facts, progress, signal } = asking;
  const said = make("p", { class: "said", role: "status" });
  const answer = answerOf(question, asked, words, signal);
  const check = make("button", { type: "submit", class: "check" }, words("check"));
  const give = make("button", { type: "button", hidden: true }, words("solve"));
  const more = make("button", { type: "button", hidden: true }, words("again"));
  const show = make("button", { type: "button" }, words("map"));
  show.hidden = !Object.keys(asked.open).length;
  const shows = () => {
    partOf("explorer")?.explorer.open(explorerWish(asked.open, facts));
    showMap();
  };
  show.addEventListener("click", shows);
  const see = make("button", { type: "button", class: "try", hidden: true }, words("try"));
  const laboratory = Object.keys(asked.laboratory).length ? partOf("laboratory") : null;
  see.addEventListener("click", () => {
    laboratory?.laboratory.open(asked.laboratory);
    laboratory?.scrollIntoView({ block: "start" });
  });
  more.addEventListener("click", again);
  give.addEventListener("click", () => {
    tell(solution(question, asked), "told");
    give.hidden = true;
    more.hidden = false;
    see.hidden = !laboratory;
    if (!show.hidden) shows();
  });
  const tell = (/** @type {string} */ text, /** @type {string} */ state) => {
    node.dataset.state = state;
    said.replaceChildren(...prose(words, text));
  };
  node.onsubmit = (event) => {
    event.preventDefault();
    const given = answer.read();
    if (given === null) return tell(words(`missing.${asked.kind}`), "missing");
    if (asked.kind === "token" && partOf("explorer")?.dataset.stage !== String(asked.open.stage)) {
      return tell(words("missing.map"), "missing");
    }
    const verdict = judge(question, asked, given);
    tell(`${words(verdict.isRight ? "right" : "wrong")} ${verdict.said}`, verdict.isRight ? "right" : "wrong");
    give.hidden = verdict.isRight;
    more.hidden = !verdict.isRight || facts.questions[question.name].length < 2;
    see.hidden = !verdict.isRight || !laboratory;
    if (!verdict.isRight) return;
    progress.noteRight(question.name);
    asking.answered();
  };
  const legend = make("legend", {}, ...prose(words, fill(question.ask, { ...facts.numbers, ...asked.values })));
  node.dataset.kind = asked.kind;
  node.dataset.state = progress.isRight(question.name) ? "answered" : "open";
  const buttons = make("div", { class: "buttons" }, check, show, give, see, more);
  node.replaceChildren(make("fieldset", {}, legend, answer.node, buttons, said));
}

/**
 * Where an answer is given, and how it is read; null while there is none.
 * @param {LessonQuestion} question
 * @param {Asked} asked
 * @param {Words} words
 * @param {AbortSignal} signal
 * @returns {{ node: HTMLElement, read: () => number | string | [number, number] | null }}
 */
function answerOf(question, asked, words, signal) {
  if (asked.kind === "number") {
    const input = make("input", { type: "text", inputmode: "decimal", autocomplete: "off" });
    const node = make("label", { class: "number" }, words("your number"), input);
    return { node, read: () => readNumber(input.value) };
  }
  if (asked.kind === "choice") return choiceOf(question, asked);
  const output = make("output", { class: "token" });
  let token = "";
  followToken((now) => {
    token = now;
    const [row, column] = now.split(",");
    setText(output, column ? words("your token", { row, column }) : words("no token"));
  }, signal);
  const read = () => {
    const [row, column] = token.split(",").map(Number);
    return Number.isInteger(row) && Number.isInteger(column) ? /** @type {[number, number]} */ ([row, column]) : null;
  };
  return { node: output, read };
}

/**
 * @param {LessonQuestion} question
 * @param {Asked} asked
 */
function choiceOf(question, asked) {
  const name = `lesson-choice-${++count}`;
  const options = asked.options.map(([value, values]) => {
    const input = make("input", { type: "radio", name, value });
    return make("label", {}, input, optionText(question, value, { ...asked.values, ...values }));
  });
  const node = make("div", { class: "options" }, ...options);
  const read = () => /** @type {HTMLInputElement | null} */ (node.querySelector("input:checked"))?.value ?? null;
  return { node, read };
}
