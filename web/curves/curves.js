/* What happens as pixels are taken away, in the order of a map, as a small chart. */

import { make, makeSvg, useStyle } from "../shared/dom.js";

/** @import { CurvesValue, CurveValue, Host, Part, Words } from "../types.js" */

const [WIDTH, HEIGHT] = [560, 300];
const [LEFT, RIGHT, TOP, BOTTOM] = [44, 12, 12, 44];

/**
 * @param {HTMLElement} element
 * @param {Host<CurvesValue>} host
 * @returns {Part}
 */
export function mount(element, host) {
  useStyle(new URL("curves.css", import.meta.url));
  const { words } = host;
  const caption = make("figcaption");
  const chart = make("div", { class: "chart" });
  const root = make("figure", { class: "curves" }, caption, chart);
  element.replaceChildren(root);

  const update = () => {
    const { value } = host;
    caption.replaceChildren();
    chart.replaceChildren();
    if (!value) return;
    const heading = words("heading", { label: words.className(value.label) });
    const titles = value.curves.map(({ name, area }) => words(name, { area: area.toFixed(2) }));
    const named = Object.fromEntries(value.curves.map(({ name }, index) => [name, titles[index]]));
    caption.append(make("strong", {}, heading));
    value.curves.forEach(({ name }, index) => caption.append(make("span", { class: name }, titles[index])));
    const viewBox = `0 0 ${WIDTH} ${HEIGHT}`;
    const label = words("alt", { heading, ...named });
    chart.append(
      makeSvg("svg", { viewBox, role: "img", "aria-label": label }, ...axes(words), ...value.curves.map(draw)),
    );
  };

  host.watch(update);
  update();
  return { update, destroy: () => root.remove() };
}

const x = (/** @type {number} */ share) => LEFT + share * (WIDTH - LEFT - RIGHT);
const y = (/** @type {number} */ probability) => HEIGHT - BOTTOM - probability * (HEIGHT - TOP - BOTTOM);

/** @param {Words} words */
function axes(words) {
  const ticks = [0, 0.25, 0.5, 0.75, 1].flatMap((tick) => {
    const number = words("percent", { number: 100 * tick });
    const anchor = tick === 1 ? "end" : tick ? "middle" : "start";
    return [
      makeSvg("path", { class: "line", d: `M${x(0)} ${y(tick)}H${x(1)}` }),
      makeSvg("text", { x: x(0) - 8, y: y(tick) + 4, "text-anchor": "end" }, number),
      makeSvg("text", { x: x(tick), y: y(0) + 18, "text-anchor": anchor }, number),
    ];
  });
  return [...ticks, makeSvg("text", { x: x(0.5), y: HEIGHT - 6, "text-anchor": "middle" }, words("across"))];
}

/** @param {CurveValue} curve */
function draw({ name, points }) {
  const path = points.map(([share, probability]) => `${x(share).toFixed(1)},${y(probability).toFixed(1)}`).join(" ");
  return makeSvg("polyline", { class: `curve ${name}`, points: path });
}
