/* A picture from the camera: a window with what it sees, and a button. */

import { make } from "../shared/dom.js";

/** @import { Words } from "../types.js" */

/**
 * Ask for a picture. Resolves to null where somebody thinks better of it.
 * @param {HTMLElement} parent of the window
 * @param {Words} words
 * @returns {Promise<File | null>}
 * @throws {DOMException} the camera is not there, or nobody may use it
 */
export async function takePicture(parent, words) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1920 } } });
  const video = make("video", { autoplay: true, muted: true, playsinline: true });
  video.srcObject = stream;
  const shutter = make("button", { type: "button", class: "shutter" }, words("take"));
  const cancel = make("button", { type: "button" }, words("cancel"));
  const dialog = make(
    "dialog",
    { class: "camera", "aria-label": words("camera") },
    video,
    make("div", {}, shutter, cancel),
  );
  parent.append(dialog);
  dialog.showModal();
  try {
    const wanted = await new Promise((resolve) => {
      shutter.addEventListener("click", () => resolve(video.videoWidth > 0));
      cancel.addEventListener("click", () => resolve(false));
      dialog.addEventListener("close", () => resolve(false)); // Escape
    });
    return wanted ? await grab(video) : null;
  } finally {
    for (const track of stream.getTracks()) track.stop();
    dialog.remove();
  }
}

/**
 * @param {HTMLVideoElement} video
 * @returns {Promise<File | null>}
 */
async function grab(video) {
  const canvas = make("canvas", { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d")?.drawImage(video, 0, 0);
  /** @type {Blob | null} */
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  return blob && new File([blob], "camera.png", { type: blob.type });
}
