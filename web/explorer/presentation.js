/* The explorer by itself, as large as the screen, to be seen from the last row. */

/** @import { State } from "./state.js" */

export class Presentation {
  /** @param {State} state */
  constructor({ root, part }) {
    this.root = root;
    this.frame = part(".frame");
    this.button = part("[name=present]");
    this.listening = new AbortController();
    const { signal } = this.listening;
    this.button.addEventListener("click", () => this.enter());
    root.addEventListener("keydown", (event) => this.onKey(event), true);
    document.addEventListener("fullscreenchange", () => document.fullscreenElement || this.leave(), { signal });
  }

  get isOn() {
    return this.root.classList.contains("presenting");
  }

  async enter() {
    this.root.classList.add("presenting");
    this.frame.focus(); // arrow keys walk at once
    try {
      await this.root.requestFullscreen();
    } catch {
      // where the screen may not be had, as in a frame of another page, it fills the window
    }
  }

  leave() {
    if (!this.isOn) return;
    this.root.classList.remove("presenting");
    if (document.fullscreenElement) document.exitFullscreen();
    this.button.focus();
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (event.key !== "Escape" || !this.isOn) return;
    event.stopPropagation(); // or it would take a pin away as well
    this.leave();
  }

  /** Hear nothing any more. */
  stop() {
    this.listening.abort();
  }
}
