/* Numbers to colours, as the Python library colours them. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { decodePalette, limits, paint, paletteFor } from "../../web/shared/colour.js";
import { close, library } from "./numbers.js";

const { theme, painted, scales } = library;

test("paint uses the palette as the library does, and repeats the border", () => {
  const { values, rows, columns, low, high, palette, colours } = painted;
  const words = paint(values, rows, columns, decodePalette(theme.palettes[palette]), low, high);
  const at = (/** @type {number} */ row, /** @type {number} */ column) => words[row * (columns + 2) + column];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const word = at(row + 1, column + 1);
      assert.deepEqual(
        [word & 255, (word >> 8) & 255, (word >> 16) & 255, word >>> 24],
        [...colours[row][column], 255],
      );
    }
  }
  assert.equal(at(0, 0), at(1, 1));
  assert.equal(at(0, 3), at(1, 3));
  assert.equal(at(2, columns + 1), at(2, columns));
});

test("scales follow the library's rule", () => {
  for (const { kind, values, baseline, low, high } of scales) {
    const scale = limits(theme.colours[kind], [values], { baseline });
    close([scale.low, scale.high], [low, high], 1e-6);
  }
});

const FEW_FAR = [...Array(995).fill(-1), ...Array(5).fill(7)];

const cases = /** @type {[string, number[][], object, number, number, boolean, boolean][]} */ ([
  ["distribution", [[0.1, 0.2]], { baseline: 0.02 }, 0, 0.1, false, true],
  ["distribution", [[0.1, 0.2]], { baseline: 0.1 }, 0, 0.5, false, false],
  ["distribution", [[0.1, 0.2], [0.05, 0.4]], { baseline: 0.1, stretched: true }, 0.05, 0.4, false, false],
  ["diverging", [[-1, 3]], {}, -3, 3, false, false],
  ["diverging", [[-4, 3]], { reach: 2 }, -2, 2, true, true],
  ["diverging", [[0, 0]], {}, -1, 1, false, false],
  ["diverging", [FEW_FAR, [2, -3]], {}, -3, 3, false, true],
  ["diverging", [FEW_FAR], { stretched: true }, -7, 7, false, false],
  ["diverging", [[-1, 3]], { reach: 9, stretched: true }, -3, 3, false, false],
  ["sequential", [[1, 5]], {}, 0, 5, false, false],
  ["sequential", [[2, 2]], { stretched: true }, 2, 3, false, false],
]); // prettier-ignore

for (const [kind, maps, options, low, high, below, above] of cases) {
  test(`a scale of ${kind} over ${JSON.stringify(maps).slice(0, 40)} with ${JSON.stringify(options)}`, () => {
    const scale = limits(theme.colours[kind], maps, options);
    close([Math.abs(scale.low), scale.high], [Math.abs(low), high]);
    assert.deepEqual([scale.below, scale.above], [below, above]);
  });
}

test("every kind has its palette", () => {
  for (const kind of /** @type {const} */ (["distribution", "sequential", "diverging"])) {
    assert.equal(paletteFor(theme, kind).length, 256);
  }
});
