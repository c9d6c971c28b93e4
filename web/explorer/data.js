/* The numbers of one photo: fetched once, decoded once, dropped together. */

import { magnitudes } from "../shared/colour.js";
import { decodeBlock, decodeLevels } from "../shared/decode.js";
import { channelSpread, directions, featureNorm } from "../shared/features.js";
import { cells } from "../shared/geometry.js";
import { broughtPhoto } from "../shared/keeping.js";

/** @import { Block, ExplorerValue, Features, FileLink, MapsFile, ServerMap } from "../types.js" */
/** @import { Background } from "./background.js" */

const SAMPLED = 20_000; // values of all channels, to find out how far they reach

/** One photo's files. Everything it hands out is a promise that is made once; `peek` gives what is already there. */
export class PhotoData {
  /**
   * @param {ExplorerValue} value
   * @param {Pick<Background, "received">} background
   */
  constructor(value, background) {
    this.value = value;
    this.background = background;
    this.stages = value.stages;
    this.kept = value.example ? null : broughtPhoto(); // number of somebody's own photo, where the browser keeps it
    this.adopted = false;
    this.abort = new AbortController();
    /** @type {Map<string, Promise<any>>} */
    this.promises = new Map();
    /** @type {Map<string, any>} */
    this.ready = new Map();
    /** @type {Promise<void> | null} */
    this.preloading = null;
  }

  /**
   * Take over more about the same photo; what came earlier is kept where the newer value lacks it.
   * @param {ExplorerValue} value
   */
  extend(value) {
    const newer = new Set(value.evidence.map(evidenceName));
    const evidence = [...value.evidence, ...this.value.evidence.filter((found) => !newer.has(evidenceName(found)))];
    const known = new Set(value.classes.map((entry) => entry.index));
    const classes = [...value.classes, ...this.value.classes.filter((entry) => !known.has(entry.index))];
    this.value = { ...value, evidence, classes };
  }

  /** Stop every download and computation, and let go of every number. */
  close() {
    this.abort.abort();
    this.peek("photo")?.close();
    this.promises.clear();
    this.ready.clear();
  }

  get closed() {
    return this.abort.signal.aborted;
  }

  /** @param {string} name */
  peek(name) {
    return this.ready.get(name);
  }

  /** @returns {Promise<ImageBitmap>} */
  photo() {
    return this.once("photo", async () => createImageBitmap(await (await this.fetch(this.value.photo)).blob()));
  }

  /** The photo at full size, for a picture to be saved; not kept. */
  async original() {
    return createImageBitmap(await (await this.fetch(this.value.original ?? this.value.photo)).blob());
  }

  /**
   * @param {number} stage
   * @param {number} block
   * @returns {Promise<Block>}
   */
  block(stage, block) {
    const file = this.stages[stage - 1].blocks[block];
    return this.once(`block ${stage} ${block}`, async () =>
      decodeBlock(await (await this.fetch(file)).arrayBuffer(), this.stages[stage - 1]),
    );
  }

  /**
   * Attention received, [heads, keys]; worked out beside the page.
   * @param {number} stage
   * @param {number} block
   * @returns {Promise<Float32Array>}
   */
  received(stage, block) {
    return this.once(`received ${stage} ${block}`, async () =>
      this.background.received(await this.block(stage, block), this.abort.signal),
    );
  }

  /**
   * @param {number} stage
   * @returns {Promise<Features>}
   */
  features(stage) {
    const { features, channels, tokens } = this.stages[stage - 1];
    return this.once(`features ${stage}`, async () => {
      const values = decodeLevels(await this.inflated(features), Array(channels).fill(cells(tokens)));
      const map = { channels, tokens: cells(tokens), values };
      const [norm, unit, spread] = [featureNorm(map), directions(map), channelSpread(map)];
      return { ...map, norm, unit, spread, magnitudes: magnitudes(values, SAMPLED) };
    });
  }

  /**
   * Maps that the server worked out.
   * @param {string} name
   * @param {MapsFile} described
   * @returns {Promise<ServerMap[]>}
   */
  maps(name, { file, maps }) {
    return this.once(name, async () => {
      const sizes = maps.map((map) => cells(map.grid));
      const values = decodeLevels(await this.inflated(file), sizes);
      let start = 0;
      return maps.map((map, index) => ({ ...map, values: values.subarray(start, (start += sizes[index])) }));
    });
  }

  /**
   * Fetch what is still missing while nobody needs the machine, one file at a time, beginning near a stage.
   * @param {number} stage
   * @param {(work: () => void) => void} whenIdle
   */
  preload(stage, whenIdle) {
    this.preloading ??= this.fetchMissing(stage, whenIdle).finally(() => {
      this.preloading = null;
    });
    return this.preloading;
  }

  /**
   * @param {number} stage
   * @param {(work: () => void) => void} whenIdle
   */
  async fetchMissing(stage, whenIdle) {
    for (let next = this.missing(stage); next && !this.closed; next = this.missing(stage)) {
      const came = await next().then(
        () => true,
        () => false,
      );
      if (!came) return; // it is asked for again when somebody opens it
      await new Promise((resolve) => whenIdle(() => resolve(undefined)));
    }
  }

  /**
   * How to get the next thing that nobody has asked for yet; undefined when there is none.
   * @param {number} stage
   * @returns {(() => Promise<unknown>) | undefined}
   */
  missing(stage) {
    const near = this.stages
      .map((_, index) => index + 1)
      .sort((a, b) => Math.abs(a - stage) - Math.abs(b - stage) || b - a);
    /** @type {[string, () => Promise<unknown>][]} */
    const all = [];
    for (const s of near) {
      const count = this.stages[s - 1].blocks.length;
      for (let b = count - 1; b >= 0; b--) all.push([`block ${s} ${b}`, () => this.block(s, b)]);
    }
    for (const s of near) all.push([`features ${s}`, () => this.features(s)]);
    for (const found of this.value.evidence) {
      const name = evidenceName(found);
      all.push([name, () => this.maps(name, found.maps)]);
    }
    return all.find(([name]) => !this.promises.has(name))?.[1];
  }

  /**
   * @template T
   * @param {string} name
   * @param {() => Promise<T>} start
   * @returns {Promise<T>}
   */
  once(name, start) {
    const known = this.promises.get(name);
    if (known) return known;
    const promise = start().then((made) => {
      if (this.closed) /** @type {any} */ (made).close?.();
      else this.ready.set(name, made);
      return made;
    });
    promise.catch(() => this.promises.delete(name));
    this.promises.set(name, promise);
    return promise;
  }

  /** @param {FileLink} file */
  async fetch(file) {
    const response = await fetch(file.url, { signal: this.abort.signal });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return response;
  }

  /** @param {FileLink} file */
  async inflated(file) {
    const deflated = await (await this.fetch(file)).blob();
    return new Response(deflated.stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
  }
}

/**
 * What the maps of evidence for a class, or for one rather than another, are called.
 * @param {{ index: number, against: number | null }} found
 */
export function evidenceName({ index, against }) {
  return against === null ? `evidence ${index}` : `evidence ${index} against ${against}`;
}
