const facts = element.querySelector(".facts");
const find = element.querySelector(".find");
const list = element.querySelector(".classes");
const language = navigator.language.startsWith("ja") ? "ja" : "en";

const make = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });

const filter = () => {
  const wanted = find.value.trim().toLowerCase();
  for (const item of list.children) item.hidden = !item.textContent.toLowerCase().includes(wanted);
};

const load = () => {
  const value = props.value;
  if (!value) return;
  facts.replaceChildren(...value.facts[language].flatMap(([name, text]) => [make("dt", name), make("dd", text)]));
  find.placeholder = value.find[language];
  find.setAttribute("aria-label", value.find[language]);
  list.setAttribute("aria-label", value.find[language]);
  list.replaceChildren(...value.classes.map((name, index) => Object.assign(make("li", name), { value: index })));
  filter();
};

find.addEventListener("input", filter);
watch("value", load);
load();
