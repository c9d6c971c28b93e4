/* One photo's numbers: fetched once, kept together, dropped together. */

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { deflateSync } from "node:zlib";

import { PhotoData } from "../../web/explorer/data.js";
import { attentionReceived } from "../../web/shared/attention.js";

/** @import { Block, ExplorerValue } from "../../web/types.js" */

const here = { received: async (/** @type {Block} */ block) => attentionReceived(block) };
const realFetch = globalThis.fetch;

afterEach(() => {
  globalThis.fetch = realFetch;
});

/**
 * A server of files by their name; asked for are noted.
 * @param {Record<string, Uint8Array>} files
 */
function serve(files) {
  const asked = /** @type {string[]} */ ([]);
  globalThis.fetch = async (address) => {
    asked.push(String(address));
    const content = files[String(address)];
    return content ? new Response(new Uint8Array(content)) : new Response(null, { status: 404 });
  };
  return asked;
}

const grid = { rows: 1, columns: 2, stride: 1, offset: 0, receptive_field: 1 };

/** @returns {ExplorerValue} */
function value() {
  const stage = { tokens: grid, queries: grid, keys: grid, has_cls: false, heads: 1, channels: 1, scale: 1 };
  return {
    ...{
      key: "k",
      made: 1,
      model: "m",
      example: null,
      credit: {},
      photo: { url: "photo" },
      original: null,
      measured: [],
      methods: [],
      contrasting: [],
      class_count: 2,
    },
    crop: { photo: [1, 2], resized: [1, 2], top: 0, left: 0, height: 1, width: 2 },
    stages: [{ ...stage, blocks: [{ url: "a" }, { url: "b" }], features: { url: "f" }, methods: [] }],
    classes: [{ index: 0, label: "zero", probability: 0.5 }],
    evidence: [],
  };
}

const block = new Uint8Array(new Uint16Array([0x3c00, 0x4000, 0, 0xbc00]).buffer);
const levels = deflateSync(new Uint8Array([...new Uint8Array(new Float32Array([1, 2]).buffer), 0, 3]));

test("a file is fetched once, however often it is asked for", async () => {
  const asked = serve({ a: block });
  const data = new PhotoData(value(), here);
  const [one, other] = await Promise.all([data.block(1, 0), data.block(1, 0)]);
  assert.equal(one, other);
  assert.equal(data.peek("block 1 0"), one);
  assert.deepEqual(asked, ["a"]);
});

test("one that failed is asked for again", async () => {
  const asked = serve({});
  const data = new PhotoData(value(), here);
  await assert.rejects(data.block(1, 0), /HTTP 404/);
  await assert.rejects(data.block(1, 0), /HTTP 404/);
  assert.deepEqual(asked, ["a", "a"]);
});

test("attention received is added up elsewhere, from the block's own file", async () => {
  const asked = serve({ a: block });
  const received = await new PhotoData(value(), here).received(1, 0);
  assert.deepEqual(asked, ["a"]);
  assert.equal(received.length, 2);
  assert.ok(Math.abs(received[0] + received[1] - 1) < 1e-6);
});

test("features are inflated and measured", async () => {
  serve({ f: levels });
  const features = await new PhotoData(value(), here).features(1);
  assert.deepEqual([[...features.values], [...features.norm], [...features.unit]], [[1, 7], [1, 7], [1, 1]]); // prettier-ignore
});

test("what is missing comes one after the other, the last block first", async () => {
  const asked = serve({ a: block, b: block, f: levels });
  const data = new PhotoData(value(), here);
  await data.preload(1, (work) => work());
  assert.deepEqual(asked, ["b", "a", "f"]);
  assert.equal(data.missing(1), undefined);
});

test("a closed photo stops, and keeps nothing that comes late", async () => {
  serve({ a: block });
  const data = new PhotoData(value(), here);
  const late = data.block(1, 0);
  data.close();
  await late;
  assert.ok(data.closed);
  assert.equal(data.peek("block 1 0"), undefined);
});

test("more about the same photo adds to what there is", () => {
  const data = new PhotoData(
    { ...value(), evidence: [{ index: 0, against: null, maps: { file: { url: "old" }, maps: [] } }] },
    here,
  );
  const newer = value();
  newer.evidence = [{ index: 1, against: null, maps: { file: { url: "new" }, maps: [] } }];
  newer.classes = [{ index: 1, label: "one", probability: 0.25 }];
  data.extend(newer);
  assert.deepEqual(data.value.evidence.map(({ index }) => index), [1, 0]); // prettier-ignore
  assert.deepEqual(data.value.classes.map(({ label }) => label), ["one", "zero"]); // prettier-ignore
});
