/* Feature maps, by hand. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { channelSpread, directions, featureNorm, similarity, strongestChannels } from "../../web/shared/features.js";
import { close } from "./numbers.js";

// Three channels of two tokens: (3, 4, 0) and (0, 0, 0).
const features = { channels: 3, tokens: 2, values: Float32Array.from([3, 0, 4, 0, 0, 0]) };

test("a token's norm is the length of its vector", () => close(featureNorm(features), [5, 0]));

test("directions have length 1, and nothing has none", () => {
  close(directions(features), [0.6, 0.8, 0, 0, 0, 0], 1e-6);
});

test("similarity is the cosine, 0 with nothing", () => {
  const unit = Float32Array.from([1, 0, 0, 1, -1, 0, Math.SQRT1_2, Math.SQRT1_2, 0, 0]);
  close(similarity(unit, 2, 0), [1, 0, -1, Math.SQRT1_2, 0], 1e-6);
});

test("a token stands out by what is large for its channel", () => {
  const values = Float32Array.from([100, 101, 99, 0, 9, 0, 5, 5, 5]); // channel 1 is unusual at token 1, 0 a little
  const map = { channels: 3, tokens: 3, values };
  const spread = channelSpread(map);
  close(spread.mean, [100, 3, 5], 1e-6);
  close(spread.deviation, [Math.sqrt(2 / 3), Math.sqrt(18), 1], 1e-6); // 1 where nothing differs
  assert.deepEqual(strongestChannels({ ...map, spread }, 1, 3), [1, 0, 2]);
});
