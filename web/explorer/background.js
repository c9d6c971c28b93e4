/* Long sums beside the page: one worker for as long as its explorer lives, so that nothing is fetched meanwhile. */

import { attentionReceived } from "../shared/attention.js";

/** @import { Block } from "../types.js" */

/** @typedef {{ block: Block, resolve: (sums: Float32Array) => void, reject: (reason: Error) => void }} Job */

export class Background {
  constructor() {
    /** @type {Job[]} in the order in which the worker answers */
    this.jobs = [];
    /** @type {Worker | null} */
    this.worker = null;
  }

  /** Have the worker at hand, so that nothing is fetched when it is wanted. */
  start() {
    this.worker ??= this.hire();
    return this.worker;
  }

  hire() {
    const worker = new Worker(new URL("worker/received.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }) => this.jobs.shift()?.resolve(data);
    worker.onerror = () => {
      // where a page's policy forbids workers
      for (const { block, resolve } of this.jobs.splice(0)) resolve(attentionReceived(block));
    };
    return worker;
  }

  /**
   * The attention that every key of a block receives, [heads, keys].
   * @param {Block} block
   * @param {AbortSignal} signal ends what is under way; a sum that nobody wants any more holds up no other
   * @returns {Promise<Float32Array>}
   */
  received(block, signal) {
    return new Promise((resolve, reject) => {
      this.jobs.push({ block, resolve, reject });
      signal.addEventListener("abort", () => this.stop(), { once: true });
      this.start().postMessage(block);
    });
  }

  stop() {
    if (!this.jobs.length) return;
    this.close();
    this.start();
  }

  close() {
    this.worker?.terminate();
    this.worker = null;
    for (const { reject } of this.jobs.splice(0)) reject(new DOMException("closed", "AbortError"));
  }
}
