// Files are taken on their way down, before Gradio's photo box hears of them: it waits before it looks into a drop, and
// by then the browser has emptied it.
const sheet = element.querySelector(".sheet");
const language = navigator.language.startsWith("ja") ? "ja" : "en";
let newest = 0;
let leaving = 0;
let dragsItself = false;

const escape = (text) => text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`); // toasts are shown as HTML
const told = (name, values = {}) =>
  props.value.words[name][language].replace(/{(\w+)}/g, (_, key) => escape(values[key]));

const show = (state) => {
  clearTimeout(leaving);
  if (state) sheet.firstElementChild.textContent = told(state);
  if (state) sheet.dataset.state = state;
  else delete sheet.dataset.state;
};

const take = async (files) => {
  const file = files.find((one) => one.type.startsWith("image/")) ?? files[0];
  if (!file) return trigger("warning", told("drop_none"));
  const { most } = props.value;
  if (file.size > most) return trigger("error", told("drop_large", { name: file.name, most: `${most / 2 ** 20}` }));
  if (files.length > 1) trigger("info", told("drop_several", { name: file.name }));
  const mine = ++newest;
  show("drop_busy");
  try {
    const { path } = await upload(file);
    if (mine === newest) trigger("drop", { file: path });
  } catch {
    // Gradio has said in a toast what went wrong
  } finally {
    if (mine === newest) show(null);
  }
};

const hear = (name, answer) => document.addEventListener(name, answer, true);
const isField = (target) => target.matches?.("input, textarea") || target.isContentEditable;

// A picture of the page that is dragged over the page is not a photo that somebody brings.
hear("dragstart", () => (dragsItself = true));
hear("dragend", () => (dragsItself = false));

/** Files go to `answer`; text goes where it can be written, and never to the photo box, which a text would empty. */
const hearDrag = (name, answer) =>
  hear(name, (event) => {
    const files = !dragsItself && event.dataTransfer.types.includes("Files");
    if (!files && isField(event.target)) return;
    event.stopPropagation();
    if (files) answer(event);
  });

for (const name of ["dragenter", "dragover"]) {
  hearDrag(name, (event) => {
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    show("drop_here");
  });
}

hearDrag("dragleave", (event) => {
  if (event.relatedTarget) return;
  clearTimeout(leaving);
  leaving = setTimeout(show, 100, null); // Safari names no target even between two elements; the next dragover says
});

hearDrag("drop", (event) => {
  event.preventDefault();
  show(null);
  take([...event.dataTransfer.files]);
});

hear("paste", (event) => {
  const files = [...event.clipboardData.files];
  if (!files.length || (isField(event.target) && event.clipboardData.types.includes("text/plain"))) return;
  event.preventDefault();
  event.stopPropagation();
  take(files);
});
