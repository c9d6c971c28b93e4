/* Where cells lie, as the Python library says. */

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  bestColumns,
  cellAt,
  cropBox,
  mapBox,
  samePlace,
  toModel,
  toPhoto,
  viewOf,
  windowOf,
} from "../../web/shared/geometry.js";
import { close, library } from "./numbers.js";

const { crop, grid, points, cell, box } = library.geometry;

test("points go from the model's input to the photo and back", () => {
  for (const { at, photo, model, nearest } of points) {
    close(toPhoto(crop, at[0], at[1]), photo, 1e-9);
    close(toModel(crop, at[0], at[1]), model, 1e-9);
    assert.deepEqual(cellAt(grid, at[0], at[1]), nearest);
  }
});

test("a cell's window stands around its centre", () => {
  const window = windowOf(crop, grid, cell.at, grid.receptive_field);
  close([window.top + window.height / 2, window.left + window.width / 2], cell.centre, 1e-9);
  close([window.height, window.width], cell.size, 1e-9);
});

test("what the model sees is the library's box", () => {
  const seen = cropBox(crop);
  close([seen.top, seen.left, seen.top + seen.height, seen.left + seen.width], box, 1e-9);
  assert.deepEqual(viewOf(crop, false), { top: 0, left: 0, height: crop.photo[0], width: crop.photo[1] });
  const view = viewOf(crop, true);
  close([view.top, view.left], [Math.max(0, box[0]), Math.max(0, box[1])], 1e-9);
  assert.ok(view.top + view.height <= crop.photo[0] + 1e-9 && view.left + view.width <= crop.photo[1] + 1e-9);
});

test("a map has one more cell all round", () => {
  const [map, one] = [mapBox(crop, grid), windowOf(crop, grid, [0, 0], grid.stride)];
  close([map.top, map.left], [one.top - one.height, one.left - one.width], 1e-9);
  close([map.height, map.width], [one.height * (grid.rows + 2), one.width * (grid.columns + 2)], 1e-9);
});

test("a token has its neighbour on any other grid", () => {
  const fine = { ...grid, rows: 28, columns: 28, stride: 8, offset: 1 };
  assert.deepEqual(samePlace(grid, fine, [3, 4]), [6, 8]);
  assert.deepEqual(samePlace(fine, grid, [27, 0]), [13, 0]);
});

test("pictures fill a frame", () => {
  assert.deepEqual(
    [[1, 1, 4 / 3], [2, 1, 4 / 3], [6, 1, 4 / 3], [2, 3, 1], [16, 1, 1]].map(([n, shape, frame]) => bestColumns(n, shape, frame)), // prettier-ignore
    [1, 2, 3, 1, 4],
  );
});
