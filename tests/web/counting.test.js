/* People count from 1, programs from 0. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { fromOne, readAddress, toAddress } from "../../web/shared/counting.js";

test("indices and tokens are said from 1", () => {
  assert.deepEqual([0, 7, [2, 3], "mean", "cls", undefined].map(fromOne), [1, 8, "3,4", "mean", "cls", undefined]);
});

test("an address of the second kind counts from 1, or from the end", () => {
  const said = readAddress("?v=2&stage=2&block=1&head=-1&channel=8&query=4,5&compare=cls&target=0&example=cat");
  const { stage, block, head, channel, query, compare, target, example } = said;
  assert.deepEqual([stage, block, head, channel], ["2", "0", "-1", "7"]);
  assert.deepEqual([query, compare, target, example], ["3,4", "cls", "0", "cat"]);
});

test("there is no 0 in it, and what is no number stays for others to refuse", () => {
  const { block, head, query, compare } = readAddress("?v=2&block=0&head=mean&query=0,3&compare=a,");
  assert.deepEqual([block, head, query, compare], ["", "mean", ",2", "a,"]);
});

test("an address without v, or with another, is read as it stands", () => {
  for (const version of ["", "&v=1", "&v=x"]) {
    const { block, query } = readAddress(`?block=0&query=3,4${version}`);
    assert.deepEqual([block, query], ["0", "3,4"], version);
  }
});

test("what is written is read as the same", () => {
  const shown = { stage: 3, block: 9, head: "all", channel: null, query: [0, 6], compare: undefined, target: 0 };
  const said = toAddress(shown);
  assert.deepEqual(said, { ...shown, v: 2, block: 10, query: "1,7" });
  const { block, query } = readAddress(`?v=${said.v}&block=${said.block}&query=${said.query}`);
  assert.deepEqual([block, query], ["9", "0,6"]);
});
