const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 560, HEIGHT = 300, LEFT = 44, RIGHT = 12, TOP = 12, BOTTOM = 44;
const caption = element.querySelector("figcaption");
const chart = element.querySelector(".chart");
const language = navigator.language.startsWith("ja") ? "ja" : "en";

const x = (share) => LEFT + share * (WIDTH - LEFT - RIGHT);
const y = (probability) => HEIGHT - BOTTOM - probability * (HEIGHT - TOP - BOTTOM);

const make = (tag, attributes, text) => {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
};

const percent = (value, share) => value.percent[language].replace("{number}", 100 * share);

const axes = (value) => [0, 0.25, 0.5, 0.75, 1].flatMap((tick) => [
  make("path", { class: "line", d: `M${x(0)} ${y(tick)}H${x(1)}` }),
  make("text", { x: x(0) - 8, y: y(tick) + 4, "text-anchor": "end" }, percent(value, tick)),
  make("text", { x: x(tick), y: y(0) + 18, "text-anchor": tick === 1 ? "end" : tick ? "middle" : "start" }, percent(value, tick)),
]).concat(make("text", { x: x(0.5), y: HEIGHT - 6, "text-anchor": "middle" }, value.across[language]));

const draw = (curve) => make("polyline", {
  class: `curve ${curve.name}`,
  points: curve.points.map(([share, probability]) => `${x(share).toFixed(1)},${y(probability).toFixed(1)}`).join(" "),
});

const load = () => {
  const value = props.value;
  caption.replaceChildren();
  chart.replaceChildren();
  if (!value) return;
  caption.append(Object.assign(document.createElement("strong"), { textContent: value.heading[language] }));
  for (const curve of value.curves) {
    caption.append(Object.assign(document.createElement("span"), { className: curve.name, textContent: curve.title[language] }));
  }
  const svg = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": value.alt[language] });
  svg.append(...axes(value), ...value.curves.map(draw));
  chart.append(svg);
};

watch("value", load);
load();
