/* The view on the screen as a figure for slides and papers, which the host draws. */

import { fromOne } from "../shared/counting.js";
import { download } from "./share.js";

/** @import { ExplorerValue, Host } from "../types.js" */
/** @import { Share } from "./share.js" */
/** @import { State } from "./state.js" */

export const FORMATS = ["pdf", "svg"];

export class Figures {
  /**
   * @param {State} state
   * @param {Host<ExplorerValue>} host
   * @param {Share} share
   */
  constructor(state, host, share) {
    this.state = state;
    this.host = host;
    this.share = share;
    this.taken = 0; // when the last one was made
    this.name = "";
  }

  /**
   * Ask for the view as the address says it; where no token is pinned, of the one that is looked at.
   * @param {string} format
   */
  order(format) {
    const { state } = this;
    if (!state.isReady) return;
    this.name = `${this.share.fileName()}.${format}`;
    const said = this.share.parameters();
    this.host.trigger("figure", { ...said, query: said.query ?? fromOne(state.looked), format });
  }

  /**
   * Hand out the figure that a value brings, once.
   * @param {ExplorerValue} value
   */
  async take({ figure }) {
    if (!figure || figure.made <= this.taken) return;
    this.taken = figure.made;
    const { name } = this;
    try {
      const answer = await fetch(figure.file.url);
      if (!answer.ok) throw new Error(String(answer.status));
      download(await answer.blob(), name);
      this.share.tell("message.figure", { name });
    } catch (error) {
      this.share.tell("message.failed", { reason: error instanceof Error ? error.message : error });
    }
  }
}
