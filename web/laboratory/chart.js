/* How far the logits move as the photo does: a curve over the pixels, with the steps of the stages beneath. */

import { makeSvg } from "../shared/dom.js";

/** @import { Words } from "../types.js" */
/** @import { Curve, LaboratoryValue } from "./types.js" */

const [WIDTH, HEIGHT] = [560, 246];
const [LEFT, RIGHT, TOP, BOTTOM] = [66, 16, 14, 78];
const LEAST = 0.1; // the highest value that the scale reaches to, at least

/**
 * The top of the scale: a round share above every change.
 * @param {number[]} changes
 */
export function topOf(changes) {
  const most = Math.max(LEAST, ...changes);
  const unit = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].map((times) => times * unit).find((top) => top >= most * (1 - 1e-9)) ?? 10 * unit;
}

/**
 * The mean of a curve's changes, without that of the photo that stands still.
 * @param {number[]} changes
 */
export function meanOf(changes) {
  return changes.reduce((sum, change) => sum + change, 0) / Math.max(changes.length - 1, 1);
}

/**
 * Each multiple of the first step that is no more than `most`, with the last stage of which it is a whole number of steps.
 * @param {number[]} steps of the stages, in pixels
 * @param {number} most
 * @returns {{ by: number, stage: number }[]}
 */
export function stepMarks(steps, most) {
  const marks = [];
  for (let by = steps[0]; by <= most; by += steps[0]) {
    marks.push({ by, stage: steps.findLastIndex((step) => by % step === 0) + 1 });
  }
  return marks;
}

/**
 * @param {Words} text
 * @param {LaboratoryValue} value
 * @param {Curve[]} curves
 * @param {number | null} by where the photo stands
 * @param {string} across what the pixels are
 * @param {((by: number) => void) | null} choose
 */
export function chart(text, value, curves, by, across, choose) {
  const most = value.most_shift;
  const top = topOf(curves.flatMap(({ changes }) => changes));
  const x = (/** @type {number} */ pixels) => LEFT + (pixels / most) * (WIDTH - LEFT - RIGHT);
  const y = (/** @type {number} */ change) => HEIGHT - BOTTOM - (change / top) * (HEIGHT - TOP - BOTTOM);
  const label = (/** @type {number} */ at, /** @type {number} */ line, /** @type {string} */ words, more = {}) =>
    makeSvg("text", { x: at, y: line, "text-anchor": "middle", ...more }, words);
  const levels = [0, 0.5, 1].flatMap((share) => [
    makeSvg("path", { class: "line", d: `M${LEFT} ${y(share * top)}H${WIDTH - RIGHT}` }),
    label(LEFT - 8, y(share * top) + 4, text("percent", { share: round(100 * share * top) }), { "text-anchor": "end" }),
  ]);
  const marks = stepMarks(
    value.stages.map(({ step }) => step),
    most,
  ).map(({ by: at, stage }) =>
    makeSvg("path", { class: `step stage${stage}`, d: `M${x(at)} ${y(0)}v${4 + 5 * stage}` }),
  );
  const ticks = [0, 8, 16, 24, 32].filter((tick) => tick <= most);
  const below = ticks.map((tick) => label(x(tick), y(0) + 40, String(tick)));
  const lines = curves.map(({ name, changes }) =>
    makeSvg("polyline", {
      class: `curve ${name}`,
      points: changes.map((change, at) => `${x(at).toFixed(1)},${y(change).toFixed(1)}`).join(" "),
    }),
  );
  const here = curves[0]?.changes[by ?? -1];
  const mark =
    by === null || here === undefined
      ? []
      : [
          makeSvg("path", { class: "here", d: `M${x(by)} ${y(0)}V${TOP}` }),
          makeSvg("circle", { class: "here", cx: x(by), cy: y(here), r: 5 }),
        ];
  const svg = makeSvg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": text("chart.alt") },
    ...levels,
    ...marks,
    ...below,
    label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, across),
    ...lines,
    ...mark,
  );
  if (choose) {
    svg.classList.add("choosing");
    svg.addEventListener("click", (event) => {
      const box = svg.getBoundingClientRect();
      const at = ((event.clientX - box.left) / box.width) * WIDTH;
      choose(Math.min(Math.max(Math.round(((at - LEFT) / (WIDTH - LEFT - RIGHT)) * most), 0), most));
    });
  }
  return svg;
}

/** @param {number} value */
function round(value) {
  return Number(value.toPrecision(3));
}
