/* Pure functions: numbers in, numbers out. No document, no network, no state. Runs in a page, in a worker and in node.

   A block is { heads, queries, keys, size, scale, cls, query, key }: `query` is a Float32Array [heads, queries, size],
   `key` [heads, keys, size]; `cls` is 1 where the CLS token stands first among both, else 0.
   Positions are those of cvt/geometry.py: pixel centres at whole numbers, `model` pixels and `photo` pixels. */

// ---- half precision --------------------------------------------------------------------------------------------

let halfTable = null;

/** The value of one IEEE 754 half-precision number given by its 16 bits. */
export function halfToNumber(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Half-precision numbers, as their bits in a Uint16Array, to a Float32Array. */
export function decodeHalves(bits) {
  if (!halfTable) halfTable = Float32Array.from({ length: 65536 }, (_, i) => halfToNumber(i));
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = halfTable[bits[i]];
  return values;
}

/** A block from its file: queries, then keys. */
export function decodeBlock(buffer, stage) {
  const cls = stage.has_cls ? 1 : 0;
  const queries = cells(stage.tokens) + cls;
  const keys = cells(stage.keys) + cls;
  const size = stage.channels / stage.heads;
  const split = stage.heads * queries * size;
  const numbers = new Uint16Array(buffer);
  if (numbers.length !== split + stage.heads * keys * size) throw new Error(`a block of ${buffer.byteLength} bytes`);
  return {
    heads: stage.heads, queries, keys, size, cls, scale: stage.scale,
    query: decodeHalves(numbers.subarray(0, split)),
    key: decodeHalves(numbers.subarray(split)),
  };
}

/** Maps of the given sizes from their (inflated) file of levels, one after the other in one Float32Array. */
export function decodeLevels(buffer, sizes) {
  const count = sizes.length;
  const [low, step] = [new Float32Array(buffer, 0, count), new Float32Array(buffer, 4 * count, count)];
  const codes = new Uint8Array(buffer, 8 * count);
  const values = new Float32Array(codes.length);
  for (let m = 0, i = 0; m < count; m++) {
    for (const end = i + sizes[m]; i < end; i++) values[i] = low[m] + codes[i] * step[m];
  }
  return values;
}

// ---- attention -------------------------------------------------------------------------------------------------

/** One row of attention: softmax(query · keyᵀ · scale) over all keys, CLS first. `head` is an index or "mean". */
export function attentionRow(block, head, query, row = new Float32Array(block.keys)) {
  row.fill(0);
  const heads = head === "mean" ? block.heads : 1;
  const first = head === "mean" ? 0 : head;
  const logits = new Float32Array(block.keys);
  for (let h = first; h < first + heads; h++) addRow(block, h, query, 1 / heads, logits, row);
  return row;
}

/** Adds `weight` × the attention of one query in one head onto `row`; `logits` is room to work in. */
function addRow(block, head, query, weight, logits, row) {
  const { keys, size, key, scale } = block;
  const q = block.query.subarray((head * block.queries + query) * size, (head * block.queries + query + 1) * size);
  let largest = -Infinity;
  for (let k = 0, at = head * keys * size; k < keys; k++, at += size) {
    let sum = 0;
    for (let d = 0; d < size; d++) sum += q[d] * key[at + d];
    logits[k] = sum * scale;
    if (logits[k] > largest) largest = logits[k];
  }
  let total = 0;
  for (let k = 0; k < keys; k++) total += logits[k] = Math.exp(logits[k] - largest);
  const share = weight / total;
  for (let k = 0; k < keys; k++) row[k] += logits[k] * share;
}

/** The attention every key receives, averaged over all queries: [heads, keys]. Each head sums to 1. */
export function attentionReceived(block) {
  const received = new Float32Array(block.heads * block.keys);
  const logits = new Float32Array(block.keys);
  for (let h = 0; h < block.heads; h++) {
    const row = received.subarray(h * block.keys, (h + 1) * block.keys);
    for (let q = 0; q < block.queries; q++) addRow(block, h, q, 1 / block.queries, logits, row);
  }
  return received;
}

/** One head of [heads, keys], or their mean. */
export function headOf(rows, heads, head) {
  const keys = rows.length / heads;
  if (head !== "mean") return rows.subarray(head * keys, (head + 1) * keys);
  const mean = new Float32Array(keys);
  for (let i = 0; i < rows.length; i++) mean[i % keys] += rows[i] / heads;
  return mean;
}

/** Entropy of a distribution, in bits. */
export function entropy(row) {
  let bits = 0;
  for (const p of row) if (p > 0) bits -= p * Math.log2(p);
  return bits;
}

/** How many of the largest values it takes to hold half of their sum. */
export function keysForHalf(values) {
  const sorted = Float32Array.from(values).sort();
  let total = 0;
  for (const v of sorted) total += v;
  let held = 0;
  for (let count = 1; count <= sorted.length; count++) {
    held += sorted[sorted.length - count];
    if (held >= (total / 2) * (1 - 1e-6)) return count;
  }
  return sorted.length;
}

// ---- features --------------------------------------------------------------------------------------------------

/** The length of every token's vector. */
export function featureNorm({ channels, tokens, values }) {
  const norm = new Float32Array(tokens);
  for (let c = 0, i = 0; c < channels; c++) for (let t = 0; t < tokens; t++, i++) norm[t] += values[i] * values[i];
  return norm.map(Math.sqrt);
}

/** Token vectors of length 1, [tokens, channels]; a token without any feature stays zero. */
export function directions(features) {
  const { channels, tokens, values } = features;
  const norm = featureNorm(features);
  const unit = new Float32Array(tokens * channels);
  for (let c = 0, i = 0; c < channels; c++) {
    for (let t = 0; t < tokens; t++, i++) unit[t * channels + c] = norm[t] > 0 ? values[i] / norm[t] : 0;
  }
  return unit;
}

/** Cosine of one token with every token. */
export function similarity(unit, channels, token) {
  const tokens = unit.length / channels;
  const cosines = new Float32Array(tokens);
  const from = token * channels;
  for (let t = 0, at = 0; t < tokens; t++) {
    let sum = 0;
    for (let c = 0; c < channels; c++, at++) sum += unit[at] * unit[from + c];
    cosines[t] = Math.max(-1, Math.min(1, sum));
  }
  return cosines;
}

/** The channels in which a token stands out most: its largest standard scores over the map, best first. */
export function strongestChannels({ channels, tokens, values, spread }, token, count) {
  const score = (c) => (values[c * tokens + token] - spread.mean[c]) / spread.deviation[c];
  const scores = Array.from({ length: channels }, (_, c) => [score(c), c]);
  return scores.sort((a, b) => b[0] - a[0]).slice(0, count).map(([, channel]) => channel);
}

/** Mean and standard deviation of every channel over the map. */
export function channelSpread({ channels, tokens, values }) {
  const [mean, deviation] = [new Float32Array(channels), new Float32Array(channels)];
  for (let c = 0; c < channels; c++) {
    const map = values.subarray(c * tokens, (c + 1) * tokens);
    mean[c] = map.reduce((sum, v) => sum + v, 0) / tokens;
    deviation[c] = Math.sqrt(map.reduce((sum, v) => sum + (v - mean[c]) ** 2, 0) / tokens) || 1;
  }
  return { mean, deviation };
}

/** A magnitude that all but one value in 200 stay below, from at most 20,000 of them: a scale's end that no outlier sets. */
export function usualReach(values) {
  const every = Math.max(1, Math.floor(values.length / 20000));
  const sample = Float32Array.from({ length: Math.ceil(values.length / every) }, (_, i) => Math.abs(values[i * every])).sort();
  return sample[Math.floor(0.995 * (sample.length - 1))];
}

/** The smallest and the largest value. */
export function extremes(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const v of values) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  return [low, high];
}

// ---- geometry --------------------------------------------------------------------------------------------------

export function cells(grid) {
  return grid.rows * grid.columns;
}

/** A point (y, x) of the model's input, on the photo. */
export function toPhoto(crop, y, x) {
  const [height, width] = [crop.photo[0] / crop.resized[0], crop.photo[1] / crop.resized[1]];
  return [(y + crop.top + 0.5) * height - 0.5, (x + crop.left + 0.5) * width - 0.5];
}

/** A point (y, x) of the photo, in the model's input. */
export function toModel(crop, y, x) {
  const [height, width] = [crop.photo[0] / crop.resized[0], crop.photo[1] / crop.resized[1]];
  return [(y + 0.5) / height - 0.5 - crop.top, (x + 0.5) / width - 0.5 - crop.left];
}

/** The token whose centre lies nearest to a point of the model's input: [row, column]. */
export function cellAt(grid, y, x) {
  const nearest = (value, count) => Math.min(Math.max(Math.round((value - grid.offset) / grid.stride), 0), count - 1);
  return [nearest(y, grid.rows), nearest(x, grid.columns)];
}

/** Edges on the photo, measured from its top-left corner, of a window of the model's input centred on a cell. */
export function windowOf(crop, grid, [row, column], side) {
  const [y, x] = [grid.offset + row * grid.stride, grid.offset + column * grid.stride];
  return boxOf(crop, y - side / 2, x - side / 2, y + side / 2, x + side / 2);
}

/** Edges on the photo of everything the model sees. */
export function cropBox(crop) {
  return boxOf(crop, -0.5, -0.5, crop.height - 0.5, crop.width - 0.5);
}

/** The part of the photo that is shown: all of it, or only what the model sees of it. */
export function viewOf(crop, seenOnly) {
  const [height, width] = crop.photo;
  if (!seenOnly) return { top: 0, left: 0, height, width };
  const seen = cropBox(crop);
  const [top, left] = [Math.max(0, seen.top), Math.max(0, seen.left)];
  return { top, left, height: Math.min(height, seen.top + seen.height) - top, width: Math.min(width, seen.left + seen.width) - left };
}

/** Edges on the photo of a map drawn with one more cell all round. */
export function mapBox(crop, grid) {
  const low = grid.offset - 1.5 * grid.stride;
  return boxOf(crop, low, low, low + (grid.rows + 2) * grid.stride, low + (grid.columns + 2) * grid.stride);
}

function boxOf(crop, top, left, bottom, right) {
  const [y0, x0] = toPhoto(crop, top, left);
  const [y1, x1] = toPhoto(crop, bottom, right);
  return { top: y0 + 0.5, left: x0 + 0.5, height: y1 - y0, width: x1 - x0 };
}

/** In how many columns `count` pictures of this shape (width / height) are largest inside a frame of that shape. */
export function bestColumns(count, shape, frameShape) {
  let best = { columns: 1, size: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const size = Math.min(1 / columns, 1 / rows / frameShape * shape);
    if (size > best.size + 1e-9) best = { columns, size };
  }
  return best.columns;
}

// ---- colour ----------------------------------------------------------------------------------------------------

/** A palette of 256 colours, given as base64 of RGB bytes, as little-endian RGBA words. */
export function decodePalette(text) {
  const bytes = atob(text);
  return Uint32Array.from({ length: 256 }, (_, i) =>
    (0xff000000 | (bytes.charCodeAt(3 * i + 2) << 16) | (bytes.charCodeAt(3 * i + 1) << 8) | bytes.charCodeAt(3 * i)) >>> 0);
}

/** Where a value lies on a scale: a palette's index, 0 to 255. */
export function paletteIndex(value, low, high) {
  return Math.min(255, Math.max(0, Math.round(((value - low) / (high - low)) * 255)));
}

/** Colours of a map, with its outermost cells repeated once all round, as RGBA words [rows + 2, columns + 2]. */
export function paint(values, rows, columns, palette, low, high, words = new Uint32Array((rows + 2) * (columns + 2))) {
  for (let r = -1, at = 0; r <= rows; r++) {
    const from = Math.min(Math.max(r, 0), rows - 1) * columns;
    for (let c = -1; c <= columns; c++, at++) {
      words[at] = palette[paletteIndex(values[from + Math.min(Math.max(c, 0), columns - 1)], low, high)];
    }
  }
  return words;
}

/** How many times the uniform share the common scale of attention reaches. */
export const SHARED_REACH = 5;

/** The scale of some maps that are looked at together: { low, high, below, above }, the last two say whether values
    lie beyond its ends.

    A stretched scale runs between the maps' own extremes. Otherwise it holds zero and reaches to `reach`, or to the
    maps' largest value; for a distribution with a baseline to 5 × uniform, the same for all tokens, heads and blocks. */
export function limits(kind, maps, { stretched = false, baseline = null, reach = null } = {}) {
  const [smallest, largest] = maps.map(extremes).reduce(([a, b], [c, d]) => [Math.min(a, c), Math.max(b, d)]);
  const far = reach ?? (kind === "distribution" && baseline ? SHARED_REACH * baseline : Math.max(Math.abs(smallest), Math.abs(largest)));
  let [low, high] = [kind === "diverging" ? -far : Math.min(0, smallest), far];
  if (stretched) [low, high] = [smallest, largest];
  if (!(high > low)) high = low + 1;
  const slack = 1e-6 * (high - low);
  return { low, high, below: smallest < low - slack, above: largest > high + slack };
}

// ---- what is looked at -----------------------------------------------------------------------------------------

/** "row,column" or [row, column] or "cls" → [row, column] or "cls"; null for anything else. */
export function parseQuery(query) {
  if (query === "cls") return "cls";
  const parts = typeof query === "string" ? query.split(",") : Array.isArray(query) ? query : [];
  const [row, column] = parts.map((one) => (String(one).trim() === "" ? NaN : Number(one)));
  return parts.length === 2 && Number.isInteger(row) && Number.isInteger(column) ? [row, column] : null;
}

/** An index from 0 to count − 1, given as a number or text; negative ones count from the end; null for anything else. */
export function pickIndex(value, count) {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (!Number.isInteger(number) || number < -count || number >= count) return null;
  return number < 0 ? number + count : number;
}

/** "mean", "all", or a head's index. */
export function pickHead(value, heads) {
  return value === "mean" || value === "all" ? value : pickIndex(value, heads);
}

/** A stage counted from 1. */
export function pickStage(value, count) {
  const number = Number(value);
  return Number.isInteger(number) && number >= 1 && number <= count ? number : null;
}

/** A token of a stage as [row, column] or "cls"; null where the stage has no such token. */
export function pickQuery(value, stage) {
  const query = parseQuery(value);
  if (query === "cls") return stage.has_cls ? query : null;
  const { rows, columns } = stage.tokens;
  return query && query[0] >= 0 && query[0] < rows && query[1] >= 0 && query[1] < columns ? query : null;
}

/** Stage, block and head after some wishes: what they ask for where that exists, else what was chosen before. */
export function settle(stages, current, wanted) {
  const stage = pickStage(wanted.stage, stages.length) ?? pickStage(current.stage, stages.length) ?? stages.length;
  const { blocks, heads } = stages[stage - 1];
  const kept = stage === current.stage ? pickIndex(current.block, blocks.length) : null;
  return {
    stage,
    block: pickIndex(wanted.block, blocks.length) ?? kept ?? blocks.length - 1,
    head: pickHead(wanted.head, heads) ?? pickHead(current.head, heads) ?? "mean",
  };
}

/** The token of another grid nearest to a token of this one. */
export function sameplace(from, to, query) {
  if (query === "cls") return query;
  return cellAt(to, from.offset + query[0] * from.stride, from.offset + query[1] * from.stride);
}

/** The index of a query among a stage's queries. */
export function queryIndex(stage, query) {
  return query === "cls" ? 0 : (stage.has_cls ? 1 : 0) + query[0] * stage.tokens.columns + query[1];
}

/** An address with some of its parameters changed; null or undefined removes one, all others stay. */
export function addressWith(href, parameters) {
  const url = new URL(href);
  for (const [name, value] of Object.entries(parameters)) {
    if (value === null || value === undefined) url.searchParams.delete(name);
    else url.searchParams.set(name, String(value));
  }
  url.search = url.search.replace(/%2C/g, ",");
  return url.href;
}

// ---- words -----------------------------------------------------------------------------------------------------

/** A sentence with its {names} filled in. */
export function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** A share in percent, without the sign, with as many digits as mean something. */
export function inPercent(share) {
  const value = 100 * share;
  return value >= 10 || value === 0 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toPrecision(2);
}
