/* The whole page as a place to drop and paste photos. */

import { make, useStyle } from "../shared/dom.js";
import { bringsPhoto, keepPhoto, keptPhoto, photoOfEntry } from "../shared/keeping.js";
import { takePicture } from "./camera.js";

/** @import { Host, Part, PhotoValue } from "../types.js" */

const LEAVING = 100; // milliseconds until leaving is believed: Safari names no target even between two elements

/**
 * Files are taken on their way down, before any box on the page hears of them: one that waits before it looks into a
 * drop finds it emptied. Triggers "drop" with the uploaded file, and "info", "warning" or "error" with words.
 * @param {HTMLElement} element
 * @param {Host<PhotoValue>} host
 * @returns {Part}
 */
export function mount(element, host) {
  useStyle(new URL("photo.css", import.meta.url));
  const { words } = host;
  const text = make("p");
  const sheet = make("div", { class: "drop-sheet", role: "status" }, text);
  const file = make("input", {
    type: "file",
    accept: "image/*,.heic,.heif",
    tabindex: -1,
    "aria-label": words("choose"),
  });
  const button = (/** @type {string} */ name, /** @type {string} */ label) =>
    make("button", { type: "button", name }, label);
  const choose = button("choose", words("choose"));
  const camera = button("camera", words("camera"));
  const clipboard = button("paste", words("paste"));
  const bar = make("div", { id: "photo", role: "group", "aria-label": words("label"), lang: words.language });
  bar.append(make("p", {}, words("hint")), choose, camera, clipboard, file);
  element.replaceChildren(bar, sheet);
  camera.hidden = !navigator.mediaDevices?.getUserMedia; // only where the page came safely
  clipboard.hidden = !navigator.clipboard?.read;
  const listening = new AbortController();
  let newest = 0;
  let leaving = 0;
  let dragsItself = false;

  const show = (/** @type {"here" | "busy" | null} */ state) => {
    clearTimeout(leaving);
    if (state) text.textContent = words(state);
    if (state) sheet.dataset.state = state;
    else delete sheet.dataset.state;
  };
  const take = async (/** @type {File[]} */ files) => {
    const file = files.find(isPicture) ?? files[0];
    if (!file) return host.trigger("warning", words("none"));
    const most = host.value?.most ?? Infinity;
    if (file.size > most) return host.trigger("error", words("large", { name: file.name, most: most / 2 ** 20 }));
    if (files.length > 1) host.trigger("info", words("several", { name: file.name }));
    await bring(file, keepPhoto(file));
  };
  const bring = async (/** @type {File} */ file, /** @type {Promise<number | null>} */ kept) => {
    const mine = ++newest;
    show("busy");
    try {
      const [uploaded, id] = await Promise.all([host.upload(file), kept]);
      if (mine !== newest) return;
      bringsPhoto(id);
      host.trigger("drop", { file: uploaded });
    } catch {
      // the host has said what went wrong
    } finally {
      if (mine === newest) show(null);
    }
  };
  /** Somebody's own photo that this entry of the history is about. */
  const restore = async () => {
    const id = photoOfEntry();
    if (id === null) return;
    const file = await keptPhoto(id);
    if (file) return bring(file, Promise.resolve(id));
    host.trigger("warning", words("gone"));
    history.replaceState({ ...history.state, photo: null }, "");
    /** @type {any} */ (document.querySelector("#explorer"))?.explorer?.settle(true);
  };
  /**
   * @template {keyof DocumentEventMap} Name
   * @param {Name} name
   * @param {(event: DocumentEventMap[Name]) => void} answer
   */
  const hear = (name, answer) => document.addEventListener(name, answer, { capture: true, signal: listening.signal });
  /**
   * Files go to `answer`; text goes where it can be written, and nowhere else.
   * @param {"dragenter" | "dragover" | "dragleave" | "drop"} name
   * @param {(event: DragEvent, data: DataTransfer) => void} answer
   */
  const hearDrag = (name, answer) =>
    hear(name, (event) => {
      const data = event.dataTransfer;
      const files = !dragsItself && data?.types.includes("Files");
      if (!files && isField(event.target)) return;
      event.stopPropagation();
      if (data && files) answer(event, data);
    });

  choose.addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    const files = [...(file.files ?? [])];
    file.value = ""; // the same file may be chosen again
    if (files.length) take(files);
  });
  camera.addEventListener("click", async () => {
    try {
      const picture = await takePicture(bar, words);
      if (picture) take([picture]);
    } catch (error) {
      host.trigger("error", words("no camera", { reason: error instanceof Error ? error.message : error }));
    }
  });
  clipboard.addEventListener("click", async () => {
    const picture = await copiedPicture().catch(() => null);
    if (picture) take([picture]);
    else host.trigger("warning", words("no picture"));
  });

  // A picture of the page that is dragged over the page is not a photo that somebody brings.
  hear("dragstart", () => (dragsItself = true));
  hear("dragend", () => (dragsItself = false));
  for (const name of /** @type {const} */ (["dragenter", "dragover"])) {
    hearDrag(name, (event, data) => {
      event.preventDefault();
      data.dropEffect = "copy";
      show("here");
    });
  }
  hearDrag("dragleave", (event) => {
    if (event.relatedTarget) return;
    clearTimeout(leaving);
    leaving = window.setTimeout(show, LEAVING, null);
  });
  hearDrag("drop", (event, data) => {
    event.preventDefault();
    show(null);
    take([...data.files]);
  });
  hear("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length || (isField(event.target) && event.clipboardData?.types.includes("text/plain"))) return;
    event.preventDefault();
    event.stopPropagation();
    take(files);
  });

  document.addEventListener("explorer:photo", restore, { capture: true, signal: listening.signal });
  if (!new URLSearchParams(location.search).has("example")) restore();

  return {
    update: () => {},
    destroy: () => {
      listening.abort();
      clearTimeout(leaving);
      bar.remove();
      sheet.remove();
    },
  };
}

/**
 * By its type, or by its name where the browser knows no type for what telephones make.
 * @param {File} file
 */
function isPicture({ type, name }) {
  return type.startsWith("image/") || /\.hei[cf]$/i.test(name);
}

/** The picture on the clipboard; null for none. */
async function copiedPicture() {
  for (const item of await navigator.clipboard.read()) {
    const type = item.types.find((type) => type.startsWith("image/"));
    if (type) return new File([await item.getType(type)], `clipboard.${type.slice("image/".length)}`, { type });
  }
  return null;
}

/** @param {EventTarget | null} target */
function isField(target) {
  const element = /** @type {HTMLElement} */ (target);
  return element.matches?.("input, textarea") || element.isContentEditable;
}
