/* The address of what is on the screen, a link to it, and a picture of it. */

import { addressWith, windowOf } from "./pure.js";
import { legendOf, message } from "./controls.js";
import { composePicture } from "./draw.js";
import { wantedPanels } from "./maps.js";
import { PALETTE_OF, USES, isReady, part, selection, stageNow, state, text } from "./state.js";

const SPACES = "https://huggingface.co"; // where a Space's page lives that holds this one in a frame

/** Change parameters of the page's address; null removes one, all others stay. */
export function setUrl(changes) {
  const href = addressWith(location.href, changes);
  if (href === location.href) return;
  history.replaceState(history.state, "", href);
  if (window.parent !== window) window.parent.postMessage({ queryString: location.search.slice(1) }, SPACES);
}

/** What is on the screen, as parameters. A photo that somebody brought has no name and is never among them. */
function address() {
  const { view, stage, block, head, channel, target, method } = selection;
  const { example, model } = state.current.value;
  const [query, compare] = view === "attention_cls" ? ["cls"] : state.pins;
  const used = (name, value) => (USES[view].includes(name) ? value : null);
  return {
    example, model, stage, block, head, view, query, compare,
    channel: used("channel", channel), target: used("target", target), method: used("method", method),
  };
}

export function writeUrl() {
  setUrl(address());
}

let writing = 0;

/** The same when the walk has come to rest: browsers limit how often an address may change. */
export function writeUrlSoon() {
  clearTimeout(writing);
  writing = setTimeout(writeUrl, 300);
}

export async function share() {
  if (!state.current) return;
  if (!state.current.value.example) return message(text("message.private"));
  writeUrl();
  try {
    await navigator.clipboard.writeText(location.href);
    message(text("message.copied"));
  } catch {
    message(text("message.link", { link: location.href }));
  }
}

export async function save() {
  const data = state.current;
  if (!isReady()) return;
  try {
    const photo = await data.original();
    if (data !== state.current) return photo.close();
    const canvas = compose(photo);
    photo.close();
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    download(blob, `cvt-${selection.view}-stage-${selection.stage}-block-${selection.block + 1}.png`);
    message(text("message.saved", { width: canvas.width, height: canvas.height }));
  } catch (error) {
    message(text("message.failed", { reason: error.message }));
  }
}

/** What the panels show now, on the photo at full size. */
function compose(photo) {
  const map = state.panels[0].shows;
  const colours = PALETTE_OF[map?.kind ?? "distribution"];
  const panels = wantedPanels().map((one, index) => ({
    map: state.panels[index].shows, colours, scale: state.scale, caption: state.panels[index].caption.textContent, boxes: boxesOf(one),
  }));
  const facts = [...part(".facts").children].map(({ children: [label, value] }) => text("fact", { label: label.textContent, value: value.textContent }));
  return composePicture(photo, state.current.value.crop, state.panels[0].view, panels, Number(part(".panels").style.getPropertyValue("--columns")), {
    title: [text(`view.${selection.view}`), ...facts].join(" · "),
    legend: map ? legendOf(map) : { name: "", ticks: [] },
    opacity: selection.opacity,
    colours,
  });
}

function boxesOf({ query }) {
  const { tokens, queries } = stageNow();
  const { crop } = state.current.value;
  if (query === "cls") return [];
  const fields = selection.field ? [tokens, queries].map((grid) => ["field", windowOf(crop, grid, query, grid.receptive_field)]) : [];
  return [...fields, ["token", windowOf(crop, tokens, query, tokens.stride)]];
}

function download(blob, name) {
  const anchor = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10000);
}
