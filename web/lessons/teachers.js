/* For teachers: minutes, goals, links, and all questions with their answers, to be read, printed and handed out. */

import { make } from "../shared/dom.js";
import { fill } from "../shared/words.js";
import { solution } from "./answers.js";
import { addressOf } from "./contents.js";
import { blocks, prose } from "./prose.js";

/** @import { CourseText, Lesson, LessonFacts, LessonQuestion, LessonsValue, Words } from "../types.js" */

/**
 * @typedef {object} Teaching What the page for teachers is made of.
 * @property {Words} words
 * @property {CourseText} course
 * @property {LessonFacts} facts
 * @property {LessonsValue} value
 * @property {() => void} close
 * @property {(sheet: string) => void} ask for an exercise sheet
 */

/**
 * @param {Teaching} teaching
 * @returns {Node[]}
 */
export function teachersNodes({ words, course, facts, value, close, ask }) {
  const print = make("button", { type: "button" }, words("print"));
  print.addEventListener("click", () => window.print());
  const leave = make("button", { type: "button", class: "close" }, words("close"));
  leave.addEventListener("click", close);
  const choices = value.sheets.map((name) => make("option", { value: name }, words("sheet", { name })));
  const choose = make("select", { "aria-label": words("sheets") }, ...choices);
  if (value.sheet) choose.value = value.sheet.name;
  const order = make("button", { type: "button" }, words("make sheet"));
  const ready = make("span", { class: "ready", role: "status" });
  if (value.sheet) {
    const { name, file } = value.sheet;
    const download = `exercise-sheet-${name}.pdf`;
    ready.append(make("a", { href: file.url, download }, words("sheet ready", { name })));
  }
  order.addEventListener("click", () => {
    ready.textContent = words("making");
    ask(choose.value);
  });
  return [
    make("header", {}, make("h2", { tabindex: -1 }, words("teachers")), print, leave),
    make("div", { class: "told" }, ...blocks(words, course.teachers)),
    make("p", { class: "sheets" }, choose, order, ready),
    ...course.lessons.map((lesson) => lessonNode(words, lesson, facts)),
  ];
}

/**
 * @param {Words} words
 * @param {Lesson} lesson
 * @param {LessonFacts} facts
 */
function lessonNode(words, lesson, facts) {
  const { number, title, minutes, goals, steps } = lesson;
  const items = steps.map((step, index) => {
    const place = { lesson: number, step: index + 1 };
    const present = make("a", { href: addressOf(place, { present: 1 }) }, words("present"));
    const link = make("a", { href: addressOf(place) }, step.title);
    return make("li", {}, link, " ", make("small", {}, present), ...step.questions.map(questionNode(words, facts)));
  });
  return make(
    "section",
    { "data-teach": number },
    make("h3", {}, words("numbered", { number, title }), make("small", {}, words("minutes", { minutes }))),
    make("ul", { class: "goals" }, ...goals.map((goal) => make("li", {}, goal))),
    make("ol", {}, ...items),
  );
}

/**
 * @param {Words} words
 * @param {LessonFacts} facts
 */
function questionNode(words, facts) {
  return (/** @type {LessonQuestion} */ question) => {
    const asked = (facts.questions[question.name] ?? [])[0];
    if (!asked) return make("p", { class: "absent" }, words("not here"));
    const values = { ...facts.numbers, ...asked.values };
    const answer =
      asked.kind === "number" ? `${shown(asked.answer)}. ${solution(question, asked)}` : solution(question, asked);
    return make(
      "dl",
      {},
      make("dt", {}, ...prose(words, fill(question.ask, values))),
      make("dd", {}, ...prose(words, answer)),
    );
  };
}

/** @param {number | string} answer */
function shown(answer) {
  return Number(answer).toLocaleString("en", { maximumFractionDigits: 3 });
}
