/* Where cells lie. Positions are those of cvt/geometry.py: pixel centres at whole numbers, in pixels of the model's
   input or of the photo; boxes are measured from the photo's top-left corner. */

/** @import { Box, Cell, Crop, Grid } from "../types.js" */

/**
 * @param {Pick<Grid, "rows" | "columns">} grid
 */
export function cells(grid) {
  return grid.rows * grid.columns;
}

/**
 * A point (y, x) of the model's input, on the photo.
 * @param {Crop} crop
 * @param {number} y
 * @param {number} x
 */
export function toPhoto(crop, y, x) {
  const [height, width] = [crop.photo[0] / crop.resized[0], crop.photo[1] / crop.resized[1]];
  return [(y + crop.top + 0.5) * height - 0.5, (x + crop.left + 0.5) * width - 0.5];
}

/**
 * A point (y, x) of the photo, in the model's input.
 * @param {Crop} crop
 * @param {number} y
 * @param {number} x
 * @returns {[number, number]}
 */
export function toModel(crop, y, x) {
  const [height, width] = [crop.photo[0] / crop.resized[0], crop.photo[1] / crop.resized[1]];
  return [(y + 0.5) / height - 0.5 - crop.top, (x + 0.5) / width - 0.5 - crop.left];
}

/**
 * The cell whose centre lies nearest to a point of the model's input.
 * @param {Pick<Grid, "rows" | "columns" | "stride" | "offset">} grid
 * @param {number} y
 * @param {number} x
 * @returns {Cell}
 */
export function cellAt(grid, y, x) {
  const nearest = (/** @type {number} */ value, /** @type {number} */ count) =>
    Math.min(Math.max(Math.round((value - grid.offset) / grid.stride), 0), count - 1);
  return [nearest(y, grid.rows), nearest(x, grid.columns)];
}

/**
 * The cell of another grid nearest to one of this grid.
 * @param {Grid} from
 * @param {Grid} to
 * @param {Cell} cell
 */
export function samePlace(from, to, [row, column]) {
  return cellAt(to, from.offset + row * from.stride, from.offset + column * from.stride);
}

/**
 * A window of the model's input, `side` pixels wide and high, centred on a cell.
 * @param {Crop} crop
 * @param {Pick<Grid, "stride" | "offset">} grid
 * @param {Cell} cell
 * @param {number} side
 */
export function windowOf(crop, grid, [row, column], side) {
  const [y, x] = [grid.offset + row * grid.stride, grid.offset + column * grid.stride];
  return boxOf(crop, y - side / 2, x - side / 2, y + side / 2, x + side / 2);
}

/**
 * Everything the model sees.
 * @param {Crop} crop
 */
export function cropBox(crop) {
  return boxOf(crop, -0.5, -0.5, crop.height - 0.5, crop.width - 0.5);
}

/**
 * The part of the photo that is shown: all of it, or only what the model sees of it.
 * @param {Crop} crop
 * @param {boolean} seenOnly
 * @returns {Box}
 */
export function viewOf(crop, seenOnly) {
  const [height, width] = crop.photo;
  if (!seenOnly) return { top: 0, left: 0, height, width };
  const seen = cropBox(crop);
  const [top, left] = [Math.max(0, seen.top), Math.max(0, seen.left)];
  const [bottom, right] = [Math.min(height, seen.top + seen.height), Math.min(width, seen.left + seen.width)];
  return { top, left, height: bottom - top, width: right - left };
}

/**
 * A map drawn with one more cell all round.
 * @param {Crop} crop
 * @param {Grid} grid
 */
export function mapBox(crop, grid) {
  const low = grid.offset - 1.5 * grid.stride;
  return boxOf(crop, low, low, low + (grid.rows + 2) * grid.stride, low + (grid.columns + 2) * grid.stride);
}

/**
 * @param {Crop} crop
 * @param {number} top
 * @param {number} left
 * @param {number} bottom
 * @param {number} right
 * @returns {Box}
 */
function boxOf(crop, top, left, bottom, right) {
  const [y0, x0] = toPhoto(crop, top, left);
  const [y1, x1] = toPhoto(crop, bottom, right);
  return { top: y0 + 0.5, left: x0 + 0.5, height: y1 - y0, width: x1 - x0 };
}

/**
 * Whether a cell reaches beyond what the model sees, so that only a part of it is drawn.
 * @param {Crop} crop
 * @param {Grid} grid
 * @param {Cell} cell
 */
export function isCut({ height, width }, { offset, stride }, [row, column]) {
  const reaches = (/** @type {number} */ index, /** @type {number} */ size) => {
    const centre = offset + index * stride;
    return centre - stride / 2 < -1 || centre + stride / 2 > size; // half a pixel more or less is not seen
  };
  return reaches(row, height) || reaches(column, width);
}

/**
 * In how many columns `count` pictures of this shape (width / height) are largest inside a frame of that shape. No row
 * is shorter than the others, where the count can be shared out.
 * @param {number} count
 * @param {number} shape
 * @param {number} frameShape
 */
export function bestColumns(count, shape, frameShape) {
  let best = { columns: 1, size: 0 };
  const all = Array.from({ length: count }, (_, index) => index + 1);
  const full = all.filter((columns) => count % columns === 0);
  for (const columns of full.length > 2 || count < 4 ? full : all) {
    const rows = Math.ceil(count / columns);
    const size = Math.min(1 / columns, (1 / rows / frameShape) * shape);
    if (size > best.size + 1e-9) best = { columns, size };
  }
  return best.columns;
}
