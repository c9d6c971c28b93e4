/* The explorer itself: what is chosen comes onto the screen, and whatever is late stays off it. */

import { attentionRow, bestColumns, limits, pickHead, pickIndex, pickQuery, pickStage, queryIndex, sameplace, settle, viewOf, windowOf } from "./pure.js";
import { notice, prepareControls, refreshControls, say, setState, showLegend } from "./controls.js";
import { PhotoData } from "./data.js";
import { Panel } from "./draw.js";
import { mapKey, mapOf, needs, wantedPanels } from "./maps.js";
import { listenToPanel, onKey } from "./pointer.js";
import { save, setUrl, share, writeUrl } from "./share.js";
import { PALETTE_OF, VIEWS, classNow, control, isReady, parameters, part, root, selection, stageNow, state, text } from "./state.js";

let turn = 0; // counts wishes: what an older one brings is dropped
let newest = 0; // when the newest value was made
let latest = Promise.resolve();
let frame = 0;
let asked = null;

// ---- photos ----------------------------------------------------------------------------------------------------

/** A value from the server: another photo, or more about the one that is there. */
function load(value) {
  if (!value) return clear();
  const held = state.incoming ?? state.current;
  if (held?.value.key === value.key) {
    held.extend(value);
  } else if (value.made > newest) {
    state.incoming?.close();
    state.incoming = new PhotoData(value);
  } else {
    return latest; // an answer about a photo that has been left since
  }
  newest = Math.max(newest, value.made);
  return show();
}

function clear() {
  turn++;
  state.incoming?.close();
  state.current?.close();
  state.incoming = state.current = null;
  clearPanels();
  say([]);
  showLegend(null);
  setState("empty", text("notice.empty"));
}

/** Bring what is chosen onto the screen. Resolves when it, or something newer, is there. */
export function show() {
  latest = bring(++turn);
  return latest;
}

async function bring(mine) {
  const data = state.incoming ?? state.current;
  if (!data) return;
  const first = data !== state.current;
  if (first && !data.adopted) adopt(data);
  const needed = needs(data);
  if (first || needed.some(({ name }) => !data.peek(name))) {
    const waiting = selection.view === "attention_received" ? "notice.received" : "notice.loading";
    setState("loading", text(waiting));
    try {
      await Promise.all([data.photo(), ...needed.map(({ start }) => start())]);
    } catch (error) {
      if (mine === turn) fail(error);
      return;
    }
    if (mine !== turn) return;
  }
  if (first) {
    state.current?.close();
    [state.current, state.incoming] = [data, null];
    root.dataset.preloaded = "false";
  }
  arrange();
  render();
  setState("ready");
  if (!state.link) writeUrl();
  const { view, stage, block, head } = selection;
  root.dispatchEvent(new CustomEvent("explorer:change", { bubbles: true, detail: { view, stage, block, head } }));
  whenIdle(() => preload(data));
}

/** Fetch the rest; `data-preloaded` says when nothing is missing any more. */
async function preload(data) {
  await data.preload(selection.stage, whenIdle);
  if (data === state.current) root.dataset.preloaded = String(!data.missing(selection.stage));
}

function fail(error) {
  for (const panel of state.panels) {
    panel.drawMap(null);
    panel.drawn = null;
  }
  setState("error", text("notice.error", { reason: error.message }), text("notice.retry"), show);
}

function whenIdle(work) {
  if (window.requestIdleCallback) requestIdleCallback(work, { timeout: 500 });
  else setTimeout(work, 30);
}

// ---- choices ---------------------------------------------------------------------------------------------------

/** Fit what is chosen to a new photo; the address's wishes come true on the photo they are about. */
function adopt(data) {
  const { stages, value } = data;
  const { link } = state;
  const meant = link && (!link.example || link.example === value.example) && (!link.model || link.model === value.model);
  Object.assign(selection, settle(stages, selection, {}));
  const { rows, columns } = stages[selection.stage - 1].tokens;
  Object.assign(state, { pins: [], hovered: null, looked: [Math.floor(rows / 2), Math.floor(columns / 2)] });
  if (!value.classes.some((one) => one.index === selection.target)) selection.target = value.classes[0].index;
  choose(meant ? link : {}, data);
  if (meant) state.link = null;
  data.adopted = true;
}

/** Take over whatever part of some wishes exists. */
function choose(wanted, { stages, value }) {
  const before = stages[selection.stage - 1];
  Object.assign(selection, settle(stages, selection, wanted));
  const stage = stages[selection.stage - 1];
  if (stage !== before) moveTokens(before.tokens, stage.tokens);
  if (VIEWS.includes(wanted.view)) selection.view = wanted.view;
  selection.method = [wanted.method, selection.method, stage.methods[0]].find((one) => stage.methods.includes(one));
  if (wanted.channel === "norm") selection.channel = "norm";
  selection.channel = pickIndex(wanted.channel, stage.channels) ?? pickIndex(selection.channel, stage.channels) ?? "norm";
  selection.target = pickIndex(wanted.target, value.class_count) ?? selection.target;
  chooseQuery(pickQuery(wanted.query, stage), pickQuery(wanted.compare, stage));
}

function chooseQuery(query, compare) {
  if (query === "cls" && selection.view === "attention") selection.view = "attention_cls";
  if (!query || query === "cls") return;
  state.looked = query;
  state.pins = compare && compare !== "cls" ? [query, compare] : [query];
}

function moveTokens(from, to) {
  state.pins = state.pins.map((pin) => sameplace(from, to, pin));
  if (String(state.pins[0]) === String(state.pins[1])) state.pins.pop();
  state.looked = sameplace(from, to, state.looked);
  state.hovered = null;
}

/** Open { stage, block, head, view, query, … }, any of them. Resolves when it is on the screen. */
async function open(wanted) {
  const data = state.incoming ?? state.current;
  if (!data) {
    state.link = { ...state.link, ...wanted };
    return;
  }
  state.link = null;
  if (wanted.target !== undefined) asked = null; // whoever chooses a class again asks again, should an answer be missing
  choose(wanted, data);
  show();
  await settled();
}

async function settled() {
  for (let seen; seen !== latest; ) await (seen = latest);
}

/** The row of attention that is drawn: softmax over all keys, CLS first where the stage has one. */
async function rowOf(stage, block, head, query) {
  await settled();
  if (!state.current) throw new Error("there is no photo yet");
  const { stages } = state.current;
  const number = pickStage(stage, stages.length);
  const one = stages[number - 1];
  const index = one && pickIndex(block, one.blocks.length);
  const chosen = one && pickHead(head ?? "mean", one.heads);
  const token = one && pickQuery(query, one);
  if (index == null || chosen == null || token == null) {
    throw new RangeError(`no attention for stage ${stage}, block ${block}, head ${head}, query ${query}`);
  }
  return attentionRow(await state.current.block(number, index), chosen === "all" ? "mean" : chosen, queryIndex(one, token));
}

// ---- the screen ------------------------------------------------------------------------------------------------

function clearPanels() {
  part(".panels").replaceChildren();
  state.panels = [];
}

/** Make panels and controls fit the choice. Not on the pointer's path. */
function arrange() {
  const { crop } = state.current.value;
  const count = wantedPanels().length;
  if (state.panels.length !== count || state.panels[0].crop !== crop) {
    clearPanels();
    const view = viewOf(crop, count > 1); // side by side there is no room for what the model does not see
    state.panels = Array.from({ length: count }, () => new Panel(part(".panels"), crop, view));
    state.panels.forEach(listenToPanel);
  }
  fitPanels();
  for (const panel of state.panels) panel.drawGrid(stageNow().tokens);
  refreshControls();
}

/** As large as the frame allows: the columns, and every panel's width, which the stylesheet works out from them. */
function fitPanels() {
  const { panels, current } = state;
  if (!current || !panels.length) return;
  const box = part(".panels");
  const { height, width } = panels[0].view;
  const columns = bestColumns(panels.length, width / height, box.clientWidth / box.clientHeight || 1);
  box.style.setProperty("--columns", columns);
  box.style.setProperty("--rows", Math.ceil(panels.length / columns));
  box.style.setProperty("--shape", width / height);
  box.classList.toggle("several", panels.length > 1);
  for (const panel of panels) panel.drawPhoto(current.peek("photo"));
}

export function scheduleRender() {
  if (frame || !isReady()) return;
  frame = requestAnimationFrame(() => {
    frame = 0;
    if (isReady()) render();
  });
}

/** Numbers to pixels and words: everything that a move of the pointer changes. */
export function render() {
  const wanted = wantedPanels();
  const keys = wanted.map(mapKey);
  if (keys.some((key, index) => state.panels[index].drawn !== key)) drawMaps(wanted, keys);
  drawMarks(wanted);
  say(wanted.map((one, index) => ({ ...one, map: state.panels[index].shows })));
  const { view, stage, block, head } = selection;
  Object.assign(root.dataset, { view, stage, block, head, query: wanted.at(-1).query });
}

function drawMaps(wanted, keys) {
  const maps = wanted.map(mapOf);
  const [{ kind, baseline, reach } = {}] = maps.filter(Boolean);
  state.scale = kind ? limits(kind, maps.map((map) => map.values), { stretched: selection.stretched, baseline, reach }) : null;
  state.panels.forEach((panel, index) => {
    panel.shows = maps[index];
    panel.drawn = maps[index] ? keys[index] : null;
    panel.drawMap(maps[index], PALETTE_OF[kind], state.scale);
  });
  showLegend(maps[0]);
  explainAbsence(maps[0]);
}

function drawMarks(wanted) {
  const { tokens, queries } = stageNow();
  const { crop } = state.current.value;
  const { pins, hovered } = state;
  const comparing = wanted.length > 1 && wanted[0].query !== wanted[1].query;
  const cell = (at) => at && windowOf(crop, tokens, at, tokens.stride);
  state.panels.forEach((panel, index) => {
    const { query } = wanted[index];
    const at = query === "cls" ? hovered : query;
    panel.mark("token", cell(at));
    panel.mark("hovered", pins.length ? cell(hovered) : null);
    panel.mark("other", pins.length > 1 && !comparing && query !== "cls" ? cell(pins[0]) : null);
    panel.mark("field", selection.field && at ? windowOf(crop, tokens, at, tokens.receptive_field) : null);
    panel.mark("field wide", selection.field && at ? windowOf(crop, queries, at, queries.receptive_field) : null);
  });
}

/** Why there is no map, and what to do about it. */
function explainAbsence(map) {
  if (map) return notice("");
  if (selection.view === "attention_cls") {
    const first = state.current.stages.findIndex((stage) => stage.has_cls) + 1;
    const words = first ? text("notice.no cls", { stage: selection.stage, first }) : text("notice.never cls");
    return notice(words, text("notice.show received"), () => open({ view: "attention_received" }));
  }
  const { index, label } = classNow();
  notice(text("notice.evidence", { class: label }));
  const question = `${state.current.value.key} ${index}`;
  if (asked !== question) trigger("evidence", { class_index: index });
  asked = question;
}

// ---- start -----------------------------------------------------------------------------------------------------

prepareControls();
for (const name of ["view", "stage", "block", "head", "channel", "method", "target"]) {
  control(name).addEventListener("change", ({ target }) => open({ [name]: target.value }));
}
control("scale").addEventListener("change", ({ target }) => {
  selection.stretched = target.value === "stretched";
  scheduleRender();
});
control("field").addEventListener("change", ({ target }) => {
  selection.field = target.checked;
  scheduleRender();
});
control("opacity").addEventListener("input", ({ target }) => {
  selection.opacity = Number(target.value);
  root.style.setProperty("--overlay", target.value);
});
control("save").addEventListener("click", save);
control("share").addEventListener("click", share);
part(".frame").addEventListener("keydown", onKey);
new ResizeObserver(fitPanels).observe(part(".panels"));
root.explorer = { attentionRow: rowOf, open, setUrl, parameters };
watch("value", () => load(props.value));
load(props.value);
