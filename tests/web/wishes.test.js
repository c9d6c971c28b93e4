/* What is meant by wishes that leave something open. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { meantBy, viewFor } from "../../web/explorer/wishes.js";

/** @type {(view: string, used: string[]) => any} */
const showing = (view, used) => ({ view, uses: (/** @type {string} */ choice) => used.includes(choice) });

const why = showing("class_evidence", ["method", "target"]);
const alike = showing("similarity", ["stage"]);
const looking = showing("attention", ["stage", "block", "head"]);

const cases = /** @type {[any, object, string][]} */ ([
  [why, {}, "class_evidence"],
  [why, { view: "rollout", stage: 2 }, "rollout"],
  [why, { view: "nonsense" }, "class_evidence"],
  [why, { stage: 2 }, "feature"],
  [why, { stage: 2, target: 3 }, "class_evidence"],
  [why, { block: 0 }, "attention"],
  [why, { query: "cls" }, "attention"],
  [why, { query: "1,2" }, "class_evidence"],
  [alike, { stage: 2 }, "similarity"],
  [alike, { head: "all" }, "attention"],
  [looking, { stage: 1, block: 0, head: 1 }, "attention"],
]);

for (const [state, wanted, view] of cases) {
  test(`${JSON.stringify(wanted)} while ${state.view} is shown is ${view}`, () => {
    assert.equal(viewFor(state, wanted), view);
  });
}

test("an address that says where to look is about attention, unless it names a view", () => {
  assert.deepEqual(meantBy({ stage: "2" }), { stage: "2", view: "attention" });
  assert.deepEqual(meantBy({ query: "1,2", view: "none" }), { query: "1,2", view: "attention" });
  assert.deepEqual(meantBy({ stage: "2", view: "feature" }), { stage: "2", view: "feature" });
  assert.deepEqual(meantBy({ example: "cat" }), { example: "cat" });
});
