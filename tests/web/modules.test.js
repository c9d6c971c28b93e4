/* How the modules of web/ hang together. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const WEB = fileURLToPath(new URL("../../web", import.meta.url));
const FILES = readdirSync(WEB, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".js"));
const source = (/** @type {string} */ file) => readFileSync(join(WEB, file), "utf8");

/**
 * The files that a module imports.
 * @param {string} file
 */
function imports(file) {
  const found = source(file).matchAll(/^(?:import|export)\b(?:[^;"]*?\bfrom)?\s*"(\.[^"]+)"/gms);
  return [...found].map(([, path]) => normalize(join(dirname(file), path)));
}

test("imports name files that are there", () => {
  assert.ok(FILES.length > 20);
  for (const file of FILES) for (const path of imports(file)) assert.ok(FILES.includes(path), `${file}: ${path}`);
});

test("there are no circles", () => {
  const done = new Set();
  const visit = (/** @type {string} */ file, /** @type {string[]} */ way) => {
    assert.ok(!way.includes(file), `a circle: ${[...way, file].join(" → ")}`);
    if (done.has(file)) return;
    for (const path of imports(file)) visit(path, [...way, file]);
    done.add(file);
  };
  for (const file of FILES) visit(file, []);
});

test("shared modules import only one another, and parts nothing of other parts", () => {
  const part = (/** @type {string} */ file) => file.split("/", 1)[0];
  for (const file of FILES) {
    for (const path of imports(file)) assert.ok([part(file), "shared"].includes(part(path)), `${file}: ${path}`);
  }
});

test("what is fetched later is imported by nothing that is fetched at once", () => {
  const isLater = (/** @type {string} */ file) => file.split("/").length > 2;
  for (const file of FILES.filter((file) => !isLater(file))) {
    for (const path of imports(file)) assert.ok(!isLater(path), `${file}: ${path}`);
  }
});

test("each part can be mounted", async () => {
  const parts = FILES.filter((file) => basename(file, ".js") === dirname(file));
  assert.ok(parts.length >= 8);
  for (const part of parts) {
    const module = await import(new URL(`../../web/${part}`, import.meta.url).href);
    assert.equal(typeof module.mount, "function", part);
  }
});

test("text goes into the document as text, and nobody knows what carries them", () => {
  for (const file of FILES) {
    assert.doesNotMatch(source(file), /innerHTML|outerHTML|insertAdjacentHTML|document\.write/, file);
    assert.doesNotMatch(source(file), /gradio/i, file);
  }
});
