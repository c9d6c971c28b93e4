/* A worker: adds up the attention of every token of a block beside the page. */

import { attentionReceived } from "../../shared/attention.js";

self.addEventListener("message", ({ data }) => self.postMessage(attentionReceived(data)));
