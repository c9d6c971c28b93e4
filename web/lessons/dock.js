/* A step on the screen, beside the map or below it. */

import { make } from "../shared/dom.js";
import { costTable } from "./costs.js";
import { prose } from "./prose.js";
import { questionNode } from "./question.js";
import { paragraphsOf } from "./steps.js";

/** @import { Lesson, LessonFacts, LessonStep, Words } from "../types.js" */
/** @import { Progress } from "./progress.js" */
/** @import { Place } from "./steps.js" */

/**
 * @typedef {object} Running What a step is shown with.
 * @property {Words} words
 * @property {Lesson} lesson
 * @property {Place} place
 * @property {LessonFacts} facts
 * @property {string[]} traits of the model and of the page
 * @property {Progress} progress
 * @property {AbortSignal} signal
 * @property {Record<"close" | "back" | "next" | "reopen" | "present" | "done", () => void>} does
 * @property {{ isFirst: boolean, isLast: boolean }} ends
 */

/**
 * What stands in the dock. `update` says what has been done of the step.
 * @param {Running} running
 */
export function dockNodes(running) {
  const { words, lesson, place, facts, traits, progress, does, ends } = running;
  const step = lesson.steps[place.step - 1];
  const paragraphs = paragraphsOf(step, traits, facts.numbers);
  const title = make("h3", { tabindex: -1 }, step.title);
  const mark = make("span", { class: "mark", role: "status" });
  const told = paragraphs.map(({ text, isTask }) =>
    isTask
      ? make("div", { class: "task" }, make("p", {}, ...prose(words, text)), mark)
      : make("p", {}, ...prose(words, text)),
  );
  const next = button(words(ends.isLast ? "finish" : "next"), ends.isLast ? does.close : does.next, "next");
  const update = () => {
    const isDone = progress.isDone(place);
    mark.textContent = isDone ? words("done") : "";
    next.dataset.ready = String(isDone);
    if (!ends.isLast) next.textContent = words(isDone ? "next" : "skip");
  };
  const waits = "on" in step.wait && !missing(step, traits).includes(String(step.wait.on));
  const unanswered = new Set();
  const questions = step.questions.flatMap((question) => {
    unanswered.add(question.name);
    const answered = () => {
      unanswered.delete(question.name);
      if (!unanswered.size && !waits) does.done();
    };
    const node = questionNode(question, { ...running, answered });
    if (!node) unanswered.delete(question.name);
    return node ? [node] : [];
  });
  const back = button(words("back"), does.back, "back");
  back.disabled = ends.isFirst;
  const top = make(
    "header",
    {},
    make("p", { class: "where" }, words("where", { ...place, count: lesson.steps.length, title: lesson.title })),
    button(words("present"), does.present, "present"),
    button(words("close"), does.close, "close"),
  );
  const scroll = make("div", { class: "scroll" }, title, ...told);
  for (const name of missing(step, traits)) scroll.append(make("p", { class: "missing" }, words(`missing.${name}`)));
  if (step.table) scroll.append(costTable(words, facts.table));
  scroll.append(...questions);
  const foot = make("footer", {}, back, button(words("reopen"), does.reopen, "reopen"), next);
  update();
  return { nodes: [top, scroll, foot], title, update };
}

/**
 * The parts that a step opens and the page has not got.
 * @param {LessonStep} step
 * @param {string[]} traits
 */
function missing({ close_up, laboratory }, traits) {
  const wanted = Object.entries({ closeup: close_up, laboratory }).filter(([, wish]) => Object.keys(wish).length);
  return wanted.map(([name]) => name).filter((name) => !traits.includes(name));
}

/**
 * @param {string} text
 * @param {() => void} press
 * @param {string} name
 */
function button(text, press, name) {
  const node = make("button", { type: "button", class: name }, text);
  node.addEventListener("click", press);
  return node;
}
