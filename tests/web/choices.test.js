/* What somebody wishes, and what there is. */

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  isSame,
  parseQuery,
  pickHead,
  pickIndex,
  pickQuery,
  pickStage,
  queryIndex,
  settle,
} from "../../web/explorer/choices.js";

const tokens = { rows: 4, columns: 6, stride: 16, offset: 1, receptive_field: 31 };

test("tokens are read from text, and nothing else is", () => {
  const queries = ["3,4", " 3 , 4", "cls", "3", "3,4,5", "a,b", ",", "1.5,2", [1, 2], null, {}];
  assert.deepEqual(queries.map(parseQuery), [[3, 4], [3, 4], "cls", null, null, null, null, null, [1, 2], null, null]); // prettier-ignore
});

test("indices count from both ends", () => {
  const values = [0, "2", -1, "-3", 3, -4, "", "x", null, 1.5];
  assert.deepEqual(
    values.map((value) => pickIndex(value, 3)),
    [0, 2, 2, 0, null, null, null, null, null, null],
  );
  assert.deepEqual(["mean", "all", "1", 9].map((value) => pickHead(value, 2)), ["mean", "all", 1, null]); // prettier-ignore
  assert.deepEqual([1, "3", 0, 4, "x"].map((value) => pickStage(value, 3)), [1, 3, null, null, null]); // prettier-ignore
});

test("a token must exist in its stage", () => {
  assert.deepEqual(pickQuery("3,5", { tokens, has_cls: false }), [3, 5]);
  assert.deepEqual(pickQuery("-1,-6", { tokens, has_cls: false }), [3, 0]);
  for (const wrong of ["4,0", "0,6", "-5,0", "cls", "x"])
    assert.equal(pickQuery(wrong, { tokens, has_cls: false }), null);
  assert.equal(pickQuery("cls", { tokens, has_cls: true }), "cls");
});

test("CLS stands first among the queries", () => {
  assert.equal(queryIndex({ tokens, has_cls: true }, "cls"), 0);
  assert.equal(queryIndex({ tokens, has_cls: true }, [1, 2]), 9);
  assert.equal(queryIndex({ tokens, has_cls: false }, [1, 2]), 8);
  assert.ok(isSame([1, 2], [1, 2]) && !isSame([1, 2], [2, 1]) && !isSame([1, 2], null));
});

test("what cannot be had stays as it was", () => {
  const stages = [
    { blocks: [1], heads: 1 },
    { blocks: [1, 2], heads: 3 },
  ];
  const now = { stage: 2, block: 0, head: 2 };
  assert.deepEqual(settle(stages, now, {}), now);
  assert.deepEqual(settle(stages, now, { stage: "1" }), { stage: 1, block: 0, head: "mean" });
  assert.deepEqual(settle(stages, now, { block: "-1", head: "all" }), { stage: 2, block: 1, head: "all" });
  assert.deepEqual(settle(stages, now, { stage: 9, block: 7, head: "<b>" }), now);
  assert.deepEqual(settle(stages, {}, {}), { stage: 2, block: 1, head: "mean" });
});
