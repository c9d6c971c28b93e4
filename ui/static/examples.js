const group = element.querySelector("#examples");
const credit = element.querySelector(".credit");
const language = navigator.language.startsWith("ja") ? "ja" : "en";

const link = (text, address) => {
  const node = document.createElement("a");
  Object.assign(node, { textContent: text, href: address, target: "_blank", rel: "noopener" });
  return node;
};

const describe = (picture) =>
  credit.replaceChildren(
    ...(picture
      ? [link(picture.title[language], picture.source), ` · ${picture.author} · `, link(picture.licence[language], picture.licence_url)]
      : []),
  );

const chosen = () => props.value?.pictures.find((picture) => picture.id === props.value.chosen);

const choose = (id) => {
  props.value = { ...props.value, chosen: id };
  load();
  trigger("select");
};

const drawButton = (picture) => {
  const button = document.createElement("button");
  const image = document.createElement("img");
  Object.assign(image, { src: new URL(picture.image, document.baseURI), alt: "", width: 96, height: 72 });
  Object.assign(button, { type: "button", title: `${picture.title[language]} · ${picture.author} · ${picture.licence[language]}` });
  button.setAttribute("aria-label", picture.title[language]);
  button.setAttribute("aria-pressed", picture.id === props.value.chosen);
  button.dataset.example = picture.id;
  button.append(image);
  button.addEventListener("click", () => choose(picture.id));
  for (const name of ["mouseenter", "focus"]) button.addEventListener(name, () => describe(picture));
  for (const name of ["mouseleave", "blur"]) button.addEventListener(name, () => describe(chosen()));
  return button;
};

const load = () => {
  const pictures = props.value?.pictures ?? [];
  if (group.children.length !== pictures.length) group.replaceChildren(...pictures.map(drawButton));
  for (const button of group.children) {
    button.setAttribute("aria-pressed", button.dataset.example === props.value.chosen);
  }
  describe(chosen());
};

watch("value", load);
load();
