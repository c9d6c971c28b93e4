const root = element.querySelector("#stages");
const language = navigator.language.startsWith("ja") ? "ja" : "en";

const make = (tag, className, text) => {
  const node = document.createElement(tag);
  node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};

/** Numbers at the ends keep inside the scale; those between stand on a line of their own, under a mark. */
const sideOf = (at) => (at <= 0 ? "start" : at >= 1 ? "end" : at < 0.35 ? "mark-start" : at > 0.65 ? "mark-end" : "mark");

const drawScale = (picture) => {
  const scale = make("div", "scale");
  const bar = make("div", "bar");
  bar.style.background = `linear-gradient(to right, ${picture.colours.join(", ")})`;
  scale.append(bar);
  for (const tick of picture.ticks) {
    const label = make("span", "tick", tick.text[language]);
    label.style.left = `${100 * tick.at}%`;
    label.dataset.side = sideOf(tick.at);
    scale.append(label);
    if (tick.at > 0 && tick.at < 1) {
      const line = make("span", "baseline");
      line.style.left = label.style.left;
      scale.append(line);
    }
  }
  return scale;
};

const drawFigure = (kind, picture, value) => {
  const figure = make("figure", kind);
  const image = make("img", "");
  Object.assign(image, { src: picture.file.url, alt: picture.alt[language], width: value.width, height: value.height });
  figure.append(image, make("figcaption", "", picture.title[language]));
  if (picture.ticks.length) figure.append(drawScale(picture));
  return figure;
};

const open = (stage) => {
  const explorer = document.querySelector("#explorer");
  explorer?.explorer?.open({ stage });
  explorer?.scrollIntoView({ behavior: "smooth", block: "nearest" });
};

const drawCard = (card, value) => {
  const item = make("div", "card");
  item.dataset.stage = card.stage;
  item.setAttribute("role", "listitem");
  const title = make("button", "title", card.name[language]);
  title.type = "button";
  title.title = card.action[language];
  const intro = make("div", "intro");
  intro.append(drawFigure("grid", card.grid, value), make("p", "facts", card.facts[language]));
  const maps = make("div", "maps");
  maps.append(drawFigure("feature", card.feature, value), drawFigure("attention", card.attention, value));
  item.append(title, intro, maps);
  item.addEventListener("click", () => open(card.stage));
  return item;
};

const mark = (stage) => {
  for (const item of root.children) item.toggleAttribute("data-current", item.dataset.stage === String(stage));
};

const load = () => {
  const value = props.value;
  root.replaceChildren(...(value?.cards ?? []).map((card) => drawCard(card, value)));
  root.dataset.state = value ? "ready" : "empty";
  mark(document.querySelector("#explorer")?.dataset.stage);
};

// The explorer's events do not bubble to us; they are heard on their way down.
const hear = (event) => (element.isConnected ? mark(event.detail?.stage) : document.removeEventListener("explorer:change", hear, true));
document.addEventListener("explorer:change", hear, true);
watch("value", load);
load();
