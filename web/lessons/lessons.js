/* The lessons: a line on the page that opens them, and a dock beside the map while one runs. */

import { addressWith } from "../shared/address.js";
import { make, useStyle } from "../shared/dom.js";
import { contents } from "./contents.js";
import { Progress, storeOfBrowser } from "./progress.js";
import { neighbour, placeIn } from "./steps.js";

/** @import { CourseText, Host, Lesson, LessonFacts, LessonsValue, Part } from "../types.js" */
/** @import { Place } from "./steps.js" */

/** What a step is shown with; fetched when somebody opens a lesson. */
const fetchDock = async () => ({ ...(await import("./dock.js")), ...(await import("./waiting.js")) });

/**
 * Root `#lessons`, with one `[data-lesson]` per lesson and one `[data-step]` per step. `data-open-lesson` and
 * `data-open-step` say which step runs, `data-opened` that it stands there with what it opens, `data-facts` where its
 * numbers and questions can be fetched; `data-state` is "closed", "loading" or "open".
 * @param {HTMLElement} element
 * @param {Host<LessonsValue>} host
 * @returns {Part}
 */
export function mount(element, host) {
  useStyle(new URL("lessons.css", import.meta.url));
  const course = new Course(element, host);
  host.watch(() => course.update());
  course.update();
  return { update: () => course.update(), destroy: () => course.destroy() };
}

class Course {
  /**
   * @param {HTMLElement} element
   * @param {Host<LessonsValue>} host
   */
  constructor(element, host) {
    const { words } = host;
    this.host = host;
    this.words = words;
    this.progress = new Progress(storeOfBrowser());
    /** @type {CourseText | null} */
    this.course = null;
    /** @type {LessonFacts | null} about the photo and the model on the page */
    this.facts = null;
    /** @type {LessonFacts | null} those that the step on the screen was made with */
    this.shown = null;
    this.asked = ""; // of which photo and model the facts have been asked for
    /** @type {Place | null} the step that runs */
    this.place = null;
    /** @type {AbortController | null} ends what the step that runs listens to */
    this.running = null;
    this.body = document.documentElement;
    this.list = make("div", { class: "list" });
    this.start = make("button", { type: "button", class: "start" }, words("start"));
    this.teach = make("button", { type: "button", class: "teach" }, words("teachers"));
    this.teachers = make("dialog", { class: "teachers", "aria-label": words("teachers") });
    this.dock = make("aside", { class: "dock", hidden: true, "aria-label": words("name") });
    this.root = make(
      "section",
      { id: "lessons", lang: words.language, "data-state": "closed" },
      make("div", { class: "line" }, make("h2", {}, words("name")), make("p", {}, words("about")), this.start),
      this.list,
      this.teach,
      this.dock,
      this.teachers,
    );
    element.replaceChildren(this.root);
    this.start.addEventListener("click", () => this.open(this.progress.last ?? { lesson: 1, step: 1 }));
    this.teach.addEventListener("click", () => this.openTeachers());
    this.teachers.addEventListener("close", () => this.closeTeachers());
    this.listening = new AbortController();
    const { signal } = this.listening;
    addEventListener("keydown", (event) => this.onKey(event), { signal });
    document.addEventListener("fullscreenchange", () => document.fullscreenElement || this.leave(), { signal });
  }

  /** A value from the host: the course, or facts about another photo. */
  async update() {
    const { value } = this.host;
    if (!value) {
      this.facts = null;
      delete this.root.dataset.facts;
      if (this.place) this.show();
      return;
    }
    if (!this.course) await this.fetchCourse(value.course[this.words.language]);
    if (value.facts && this.facts?.key !== value.key) {
      const facts = await fetched(value.facts.url);
      if (facts.key !== this.host.value?.key) return; // of a photo that has been left since
      this.facts = facts;
      this.root.dataset.facts = value.facts.url;
    }
    const isShown = this.facts !== null && this.shown === this.facts && this.facts.key === value.key;
    if (this.place && !isShown) this.show();
    this.drawTeachers();
  }

  /** @param {string} address */
  async fetchCourse(address) {
    const course = await fetched(address);
    if (this.course || this.listening.signal.aborted) return;
    this.course = course;
    this.listSteps();
    const parameters = new URLSearchParams(location.search);
    if (parameters.has("teachers")) this.openTeachers();
    const wanted = placeIn(location.search, this.lessons);
    if (!wanted) return;
    if (parameters.has("present")) this.body.dataset.lesson = "presenting"; // a full screen takes a press of a key
    this.open(wanted);
  }

  get lessons() {
    return this.course?.lessons ?? [];
  }

  /** Ask the host for the facts about the photo on the page, once. */
  askForFacts() {
    const { value } = this.host;
    if (value && this.asked !== value.key) this.host.trigger("facts");
    this.asked = value?.key ?? "";
  }

  openTeachers() {
    this.teachers.showModal();
    this.setAddress({ teachers: 1 });
    this.drawTeachers();
  }

  closeTeachers() {
    this.teachers.replaceChildren();
    this.setAddress({ teachers: null });
  }

  async drawTeachers() {
    const { words, course, facts, host, teachers } = this;
    const { value } = host;
    if (!teachers.open || !course) return;
    if (!value || facts?.key !== value.key) {
      teachers.replaceChildren(make("p", { class: "waiting", role: "status" }, words(value ? "loading" : "empty")));
      return this.askForFacts();
    }
    const close = () => teachers.close();
    const ask = (/** @type {string} */ sheet) => host.trigger("sheet", { sheet });
    const { teachersNodes } = await import("./teachers.js");
    if (!teachers.open || host.value !== value) return; // closed since, or another photo, which is drawn by itself
    teachers.replaceChildren(...teachersNodes({ words, course, facts, value, close, ask }));
  }

  listSteps() {
    const { words, lessons, progress } = this;
    const unfolded = [...this.list.querySelectorAll("details[open]")].map((folded) => folded.closest("[data-lesson]"));
    const open = unfolded.map((lesson) => /** @type {HTMLElement} */ (lesson).dataset.lesson);
    this.list.replaceChildren(contents(words, lessons, progress, (place) => this.open(place)));
    for (const name of open) this.list.querySelector(`[data-lesson="${name}"] details`)?.toggleAttribute("open", true);
    this.start.textContent = words(progress.last ? "continue" : "start");
  }

  /** @param {Place} place */
  open(place) {
    this.place = place;
    this.progress.noteLast(place);
    this.setAddress({ ...place });
    this.show(true);
  }

  /**
   * Bring the step onto the screen: its text, and what it opens.
   * @param {boolean} [isNew] whether it has just been chosen; else the photo or the model below it has changed
   */
  async show(isNew = false) {
    const { place, words, root, dock, host } = this;
    if (!place || !this.course) return;
    this.running?.abort();
    const { signal } = (this.running = new AbortController());
    this.shown = this.facts;
    dock.hidden = false;
    if (!this.isPresenting) this.body.dataset.lesson = "running";
    delete root.dataset.opened;
    Object.assign(root.dataset, { openLesson: place.lesson, openStep: place.step });
    const { value } = host;
    if (!value || this.facts?.key !== value.key) {
      root.dataset.state = "loading";
      const close = make("button", { type: "button", class: "close" }, words("close"));
      close.addEventListener("click", () => this.close());
      const told = make("p", { class: "waiting", role: "status" }, words(value ? "loading" : "empty"));
      dock.replaceChildren(make("header", {}, close), told);
      return this.askForFacts();
    }
    const facts = /** @type {LessonFacts} */ (this.facts);
    const lesson = /** @type {Lesson} */ (this.lessons.find(({ number }) => number === place.lesson));
    const step = lesson.steps[place.step - 1];
    const here = ["closeup", "laboratory"].filter((name) => document.getElementById(name));
    const { dockNodes, waitFor } = await fetchDock();
    if (signal.aborted) return;
    const done = () => {
      this.progress.note(place);
      drawn.update();
      this.listSteps();
    };
    const drawn = dockNodes({
      ...{ words, lesson, place, facts, signal, progress: this.progress, traits: [...facts.traits, ...here] },
      ends: { isFirst: !this.beside(-1), isLast: !this.beside(1) },
      does: {
        done,
        close: () => this.close(),
        back: () => this.go(-1),
        next: () => this.go(1),
        reopen: () => this.openParts(signal),
        present: () => this.present(),
      },
    });
    dock.replaceChildren(...drawn.nodes);
    dock.setAttribute("aria-label", words("where", { ...place, count: lesson.steps.length, title: lesson.title }));
    root.dataset.state = "open";
    if (isNew) drawn.title.focus({ preventScroll: true });
    await this.openParts(signal);
    if (!signal.aborted && "on" in step.wait) waitFor(step.wait, done, signal);
  }

  /** @param {AbortSignal} signal */
  async openParts(signal) {
    const { place, facts } = this;
    if (!place || !facts) return;
    const lesson = this.lessons.find(({ number }) => number === place.lesson);
    if (!lesson) return;
    const { openStep } = await fetchDock();
    if (signal.aborted) return;
    const show = await openStep(lesson.steps[place.step - 1], facts, signal);
    if (signal.aborted) return;
    if (!this.isPresenting) show();
    this.root.dataset.opened = `${place.lesson}.${place.step}`;
  }

  /** @param {1 | -1} way */
  beside(way) {
    return this.place && neighbour(this.lessons, this.place, way);
  }

  /** @param {1 | -1} way */
  go(way) {
    const place = this.beside(way);
    if (place) this.open(place);
  }

  /** Let go: the page stays as it is, and the lesson can be taken up again. */
  close() {
    this.leave();
    this.running?.abort();
    this.place = this.running = null;
    this.asked = this.facts?.key ?? "";
    this.dock.hidden = true;
    this.dock.replaceChildren();
    delete this.body.dataset.lesson;
    delete this.root.dataset.openLesson;
    delete this.root.dataset.openStep;
    delete this.root.dataset.opened;
    this.root.dataset.state = "closed";
    this.setAddress({ lesson: null, step: null, present: null });
    this.listSteps();
    this.start.focus({ preventScroll: true });
  }

  /** @param {Record<string, unknown>} changes of the page's address */
  setAddress(changes) {
    const explorer = /** @type {any} */ (document.getElementById("explorer"))?.explorer;
    if (explorer) explorer.setUrl(changes);
    else history.replaceState(history.state, "", addressWith(location.href, changes));
  }

  get isPresenting() {
    return this.body.dataset.lesson === "presenting";
  }

  /** The step in large letters, the map beside it, and nothing else. */
  async present() {
    if (this.isPresenting) return this.leave();
    this.body.dataset.lesson = "presenting";
    try {
      await this.body.requestFullscreen();
    } catch {
      // where the screen may not be had, as in a frame of another page, it fills the window
    }
  }

  leave() {
    if (!this.isPresenting) return;
    this.body.dataset.lesson = "running";
    if (document.fullscreenElement) document.exitFullscreen();
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (!this.isPresenting) return;
    if (event.key === "Escape") this.leave();
    else if (event.key === "PageDown")
      this.go(1); // what a presenter's remote sends
    else if (event.key === "PageUp") this.go(-1);
    else return;
    event.preventDefault();
  }

  destroy() {
    this.listening.abort();
    this.running?.abort();
    delete this.body.dataset.lesson;
    this.root.remove();
  }
}

/** @param {string} address */
async function fetched(address) {
  return (await fetch(new URL(address, document.baseURI))).json();
}
