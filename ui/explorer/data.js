/* The numbers of one photo: fetched once, decoded once, dropped together. */

import { attentionReceived, cells, channelSpread, decodeBlock, decodeLevels, directions, featureNorm, usualReach } from "./pure.js";

/** One photo's files. Everything it hands out is a promise that is made once; `peek` gives what is already there. */
export class PhotoData {
  constructor(value) {
    this.value = value;
    this.stages = value.stages;
    this.abort = new AbortController();
    this.promises = new Map();
    this.ready = new Map();
    this.workers = new Set();
  }

  /** Take over more about the same photo; what came earlier is kept where the newer value lacks it. */
  extend(value) {
    const had = (one) => value.evidence.some((newer) => newer.index === one.index);
    const evidence = [...value.evidence, ...this.value.evidence.filter((one) => !had(one))];
    const known = new Set(value.classes.map((one) => one.index));
    const classes = [...value.classes, ...this.value.classes.filter((one) => !known.has(one.index))];
    this.value = { ...value, evidence, classes };
  }

  /** Stop every download and computation, and let go of every number. */
  close() {
    this.abort.abort();
    for (const worker of this.workers) worker.terminate();
    this.peek("photo")?.close();
    this.promises.clear();
    this.ready.clear();
  }

  get closed() {
    return this.abort.signal.aborted;
  }

  peek(name) {
    return this.ready.get(name);
  }

  photo() {
    return this.once("photo", async () => createImageBitmap(await this.fetch(this.value.photo, "blob")));
  }

  /** The photo at full size, for a picture to be saved; not kept. */
  async original() {
    return createImageBitmap(await this.fetch(this.value.original ?? this.value.photo, "blob"));
  }

  block(stage, block) {
    const file = this.stages[stage - 1].blocks[block];
    return this.once(`block ${stage} ${block}`, async () =>
      decodeBlock(await this.fetch(file, "arrayBuffer"), this.stages[stage - 1]));
  }

  /** Attention received, [heads, keys]; worked out beside the page. */
  received(stage, block) {
    return this.once(`received ${stage} ${block}`, async () => this.work(await this.block(stage, block)));
  }

  features(stage) {
    const { features, channels, tokens } = this.stages[stage - 1];
    return this.once(`features ${stage}`, async () => {
      const values = decodeLevels(await this.inflated(features), Array(channels).fill(cells(tokens)));
      const made = { channels, tokens: cells(tokens), values };
      return { ...made, norm: featureNorm(made), unit: directions(made), spread: channelSpread(made), reach: usualReach(values) };
    });
  }

  /** Maps that the server worked out: [{ grid, kind, baseline, stage, method, values }]. */
  maps(name, data) {
    return this.once(name, async () => {
      const values = decodeLevels(await this.inflated(data.file), data.maps.map((map) => cells(map.grid)));
      let start = 0;
      return data.maps.map((map) => ({ ...map, values: values.subarray(start, (start += cells(map.grid))) }));
    });
  }

  /** Fetch what is still missing while nobody needs the machine, one file at a time, beginning near a stage. */
  preload(stage, whenIdle) {
    this.preloading ??= this.fetchMissing(stage, whenIdle).finally(() => { this.preloading = null; });
    return this.preloading;
  }

  async fetchMissing(stage, whenIdle) {
    for (let next = this.missing(stage); next && !this.closed; next = this.missing(stage)) {
      const came = await next().then(() => true, () => false);
      if (!came) return; // it is asked for again when somebody opens it
      await new Promise(whenIdle);
    }
  }

  /** How to get the next thing that nobody has asked for yet; undefined when there is none. */
  missing(stage) {
    const near = this.stages.map((_, index) => index + 1).sort((a, b) => Math.abs(a - stage) - Math.abs(b - stage) || b - a);
    const all = [
      ...near.flatMap((s) => this.stages[s - 1].blocks.map((_, b) => [`block ${s} ${b}`, () => this.block(s, b)]).reverse()),
      ...near.map((s) => [`features ${s}`, () => this.features(s)]),
      ...this.value.evidence.map(({ index, maps }) => [`evidence ${index}`, () => this.maps(`evidence ${index}`, maps)]),
    ];
    return all.find(([name]) => !this.promises.has(name))?.[1];
  }

  once(name, make) {
    if (!this.promises.has(name)) {
      const promise = make().then((made) => {
        if (this.closed) made.close?.();
        else this.ready.set(name, made);
        return made;
      });
      promise.catch(() => this.promises.delete(name));
      this.promises.set(name, promise);
    }
    return this.promises.get(name);
  }

  async fetch(file, as) {
    const response = await fetch(file.url, { signal: this.abort.signal });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return response[as]();
  }

  async inflated(file) {
    const deflated = await this.fetch(file, "blob");
    return new Response(deflated.stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
  }

  work(block) {
    const source = `${PURE_SOURCE}\nonmessage = ({ data }) => postMessage(attentionReceived(data));`;
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const worker = new Worker(url);
    this.workers.add(worker);
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = () => resolve(attentionReceived(block)); // where a page's policy forbids workers
      this.abort.signal.addEventListener("abort", () => reject(new DOMException("closed", "AbortError")), { once: true });
      worker.postMessage(block);
    }).finally(() => {
      worker.terminate();
      URL.revokeObjectURL(url);
      this.workers.delete(worker);
    });
  }
}
