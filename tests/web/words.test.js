/* Words, numbers in words, and addresses. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { addressWith } from "../../web/shared/address.js";
import { digits, fill, inPercent, wordsOf } from "../../web/shared/words.js";

test("numbers have as many digits as mean something", () => {
  assert.deepEqual([0, 0.5, 0.0523, 0.00123, 0.00001234].map(inPercent), ["0", "50", "5.2", "0.12", "0.0012"]);
  assert.deepEqual([0, 1.2345, -12.345, 1234, 0.00012].map(digits), ["0.00", "1.23", "−12.3", "1.2e+3", "1.2e−4"]);
});

test("blanks are filled once, and unknown ones stay", () => {
  assert.equal(fill("{a} of {b}, {c}", { a: 1, b: "{a}" }), "1 of {a}, {c}");
});

test("a part has its own texts, and a name that has none stands for itself", () => {
  const glossary = { token: "a place" };
  const parts = { a: { hello: "Hello, {who}" }, b: {} };
  const classes = { cat: "feline" };
  const store = { language: "en", languages: { en: "English" }, glossary, classes, parts };
  const words = wordsOf(store, "a");
  assert.equal(words("hello", { who: "you" }), "Hello, you");
  assert.equal(words("missing"), "missing");
  assert.equal(wordsOf(store, "b")("hello"), "hello");
  assert.equal(wordsOf(store, "nowhere")("hello"), "hello");
  assert.deepEqual([words.language, words.languages, words.names], ["en", { en: "English" }, ["hello"]]);
  assert.equal(words.glossary, glossary);
  assert.deepEqual(["cat", "dog"].map(words.className), ["feline", "dog"]);
});

test("an address keeps what is not meant", () => {
  const href = "http://host/path?__theme=dark&stage=1#part";
  const changed = addressWith(href, { stage: 3, query: "3,4", example: null });
  assert.equal(changed, "http://host/path?__theme=dark&stage=3&query=3,4#part");
  assert.equal(addressWith(href, { stage: null }), "http://host/path?__theme=dark#part");
  assert.match(addressWith(href, { model: "<script>" }), /%3Cscript%3E/);
});
