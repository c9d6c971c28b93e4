/* The explorer itself: what is chosen, what that needs, and what happens when somebody points, types or asks. */

import { addressWith, attentionRow, bestColumns, cellAt, cells, cropBox, extremes, headOf, limits, parseQuery, percent, queryIndex, sameplace, settle, similarity, toModel, windowOf } from "./pure.js";
import { PhotoData } from "./data.js";
import { Panel, composePicture, drawScale } from "./draw.js";
import { digits, factsOf, language, placeOf, sentenceOf, speaker, spread } from "./words.js";

const VIEWS = ["attention", "attention_cls", "attention_received", "feature", "similarity", "rollout", "class_evidence"];
const USES = {
  attention: ["stage", "block", "head"], attention_cls: ["stage", "block", "head"], attention_received: ["stage", "block", "head"],
  feature: ["stage", "channel"], similarity: ["stage"], rollout: [], class_evidence: ["stage", "method", "target"],
};
const PALETTE_OF = { distribution: "inferno", sequential: "viridis", diverging: "coolwarm" };
const SPACES = "https://huggingface.co";

const root = element.querySelector("#explorer");
const part = (selector) => root.querySelector(selector);
const control = (name) => part(`[name="${name}"]`);
const parameters = Object.fromEntries(new URLSearchParams(location.search));
const spoken = language(location.search);
const text = speaker(spoken);

let current = null; // the photo on the screen
let incoming = null; // the photo that will be
let turn = 0; // the newest wish; whatever belongs to an older one is dropped
let latest = Promise.resolve();
let link = parameters; // what the address asked for, until it has been shown
let panels = [];
let pins = [];
let looked = null; // the token last pointed at or walked to
let hovered = null; // outlined while another one is pinned
let pending = 0;
let asked = null;
const selection = {
  view: "attention", stage: Infinity, block: -1, head: "mean", channel: "norm", target: null, method: "grad_cam",
  opacity: 0.6, stretched: false, field: false,
};

// ---- values from the server ------------------------------------------------------------------------------------

function load(value) {
  if (!value) {
    incoming?.close();
    current?.close();
    current = incoming = null;
    turn++;
    clearPanels();
    return setState("empty");
  }
  const held = incoming ?? current;
  if (held?.value.key === value.key) {
    held.value = value;
    refreshClasses(held);
    return show();
  }
  incoming?.close();
  incoming = new PhotoData(value);
  return show();
}

/** Bring what is chosen onto the screen. Resolves when it, or something newer, is there. */
function show() {
  latest = bring(++turn);
  return latest;
}

async function settled() {
  for (let seen; seen !== latest; ) await (seen = latest);
}

async function bring(mine) {
  const data = incoming ?? current;
  if (!data) return;
  const first = data !== current;
  if (first) adopt(data);
  const needed = needs(data);
  if (first || needed.some(({ name }) => !data.peek(name))) {
    setState("loading", selection.view === "attention_received" ? "notice.received" : "notice.loading");
    try {
      await Promise.all([data.photo(), ...needed.map(({ start }) => start())]);
    } catch (error) {
      if (mine === turn) setState("error", "notice.error", { reason: error.message });
      return;
    }
    if (mine !== turn) return;
  }
  if (first) {
    current?.close();
    [current, incoming] = [data, null];
  }
  arrange();
  render();
  setState("ready");
  if (!link) writeUrl();
  root.dispatchEvent(new CustomEvent("explorer:change", { bubbles: true, detail: { ...identity(), view: selection.view } }));
  whenIdle(() => preload(data));
}

/** Fit what is chosen to a new photo's stages; the address's wishes come true on the photo they are about. */
function adopt(data) {
  const { stages, value } = data;
  const meant = link && (!link.example || link.example === value.example) && (!link.model || link.model === value.model);
  const wanted = meant ? link : {};
  if (!current || meant) pins = [];
  const stage = Math.min(selection.stage, stages.length);
  const grid = stages[stage - 1].tokens;
  looked = [Math.floor(grid.rows / 2), Math.floor(grid.columns / 2)];
  pins = [];
  hovered = null;
  Object.assign(selection, { stage, block: (selection.block + 100 * stages[stage - 1].blocks.length) % stages[stage - 1].blocks.length });
  if (selection.target === null || !value.classes.some((one) => one.index === selection.target)) selection.target = value.classes[0].index;
  choose(wanted, stages, value);
  if (meant) link = null;
}

/** Take over whatever part of some wishes exists. */
function choose(wanted, stages, value) {
  const before = stages[selection.stage - 1];
  const { query, ...place } = settle(stages, selection, wanted);
  const moved = place.stage !== selection.stage;
  Object.assign(selection, place);
  if (VIEWS.includes(wanted.view)) selection.view = wanted.view;
  const stage = stages[selection.stage - 1];
  if (moved) {
    [pins, looked] = [pins.map((pin) => sameplace(before.tokens, stage.tokens, pin)), looked && sameplace(before.tokens, stage.tokens, looked)];
    hovered = null;
  }
  const channel = Number(wanted.channel);
  if (wanted.channel === "norm" || (Number.isInteger(channel) && channel >= 0)) selection.channel = wanted.channel === "norm" ? "norm" : channel;
  if (selection.channel !== "norm" && selection.channel >= stage.channels) selection.channel = "norm";
  if (["grad_cam", "grad_attention"].includes(wanted.method)) selection.method = wanted.method;
  if (wanted.target !== undefined && value.classes.some((one) => one.index === Number(wanted.target))) selection.target = Number(wanted.target);
  if (query === "cls" && selection.view === "attention") selection.view = "attention_cls";
  if (query && query !== "cls") {
    looked = query;
    pins = [query];
    const second = settle(stages, selection, { query: wanted.compare }).query;
    if (second && second !== "cls") pins.push(second);
  }
}

/** What the chosen view is drawn from: [{ name, start }]. */
function needs(data) {
  const { stage, block, view } = selection;
  const need = (name, start) => [{ name, start }];
  if (view === "attention" || (view === "attention_cls" && data.stages[stage - 1].has_cls)) {
    return need(`block ${stage} ${block}`, () => data.block(stage, block));
  }
  if (view === "attention_received") return need(`received ${stage} ${block}`, () => data.received(stage, block));
  if (view === "feature" || view === "similarity") return need(`features ${stage}`, () => data.features(stage));
  const maps = serverMaps(data);
  return maps ? need(maps.name, () => data.maps(maps.name, maps.data)) : [];
}

/** The server's maps for the chosen view, where they have come. */
function serverMaps(data) {
  if (selection.view === "rollout") return data.value.rollout && { name: "rollout", data: data.value.rollout };
  const found = selection.view === "class_evidence" && data.value.evidence.find((one) => one.index === selection.target);
  return found ? { name: `evidence ${found.index}`, data: found.maps } : null;
}

async function preload(data) {
  for (const start of data.missing(selection.stage)) {
    if (data !== current) return;
    try {
      await start();
    } catch {
      return; // it is asked for again when somebody opens it
    }
    await new Promise((resolve) => whenIdle(resolve));
  }
}

function whenIdle(work) {
  if (window.requestIdleCallback) requestIdleCallback(work, { timeout: 500 });
  else setTimeout(work, 30);
}

// ---- what is on the screen -------------------------------------------------------------------------------------

function identity() {
  return { stage: selection.stage, block: selection.block, head: selection.head };
}

function stageNow() {
  return current.stages[selection.stage - 1];
}

/** The tokens that are looked from: pinned ones, else the one under the pointer. */
function queries() {
  if (selection.view === "attention_cls") return ["cls"];
  return pins.length ? pins : [looked];
}

/** Which panels the choice asks for: one per head, one per pinned token, or one. */
function wantedPanels() {
  const [first, second] = queries();
  const attends = USES[selection.view].includes("head");
  if (attends && selection.head === "all") {
    const query = queries().at(-1);
    return Array.from({ length: stageNow().heads }, (_, head) => ({ query, head }));
  }
  const head = selection.head === "all" ? "mean" : selection.head;
  const compares = second && (selection.view === "attention" || selection.view === "similarity");
  return compares ? [{ query: first, head }, { query: second, head }] : [{ query: queries().at(-1), head }];
}

/** The numbers of one panel: { grid, values, kind, baseline }, for attention with the whole row; null for none. */
function mapOf({ query, head }) {
  const { view, stage, block } = selection;
  const { keys, tokens, has_cls } = stageNow();
  const attention = (row) => ({ grid: keys, row, values: row.subarray(has_cls ? 1 : 0), kind: "distribution", baseline: 1 / row.length });
  if (view === "attention" || view === "attention_cls") {
    if (query === "cls" && !has_cls) return null;
    return attention(attentionRow(current.peek(`block ${stage} ${block}`), head, queryIndex(stageNow(), query)));
  }
  if (view === "attention_received") {
    return attention(headOf(current.peek(`received ${stage} ${block}`), stageNow().heads, head));
  }
  const features = current.peek(`features ${stage}`);
  if (view === "similarity") {
    return { grid: tokens, values: similarity(features.unit, features.channels, query[0] * tokens.columns + query[1]), kind: "diverging", reach: 1 };
  }
  if (view === "feature") {
    if (selection.channel === "norm") return { grid: tokens, values: features.norm, kind: "sequential" };
    const values = features.values.subarray(selection.channel * features.tokens, (selection.channel + 1) * features.tokens);
    return { grid: tokens, values, kind: "diverging", reach: Math.max(...features.extremes.map(Math.abs)) };
  }
  const maps = serverMaps(current);
  const drawn = maps && current.peek(maps.name);
  if (view === "rollout") return drawn && { ...drawn[0], reach: extremes(drawn[0].values)[1] };
  const found = drawn?.find((map) => map.stage === stage - 1 && map.method === selection.method);
  return found && { ...found, reach: evidenceReach() };
}

/** The largest evidence in this stage for any class asked for so far, so that classes compare. */
function evidenceReach() {
  const maps = current.value.evidence.flatMap((one) => current.peek(`evidence ${one.index}`) ?? []);
  const same = maps.filter((map) => map.stage === selection.stage - 1 && map.method === selection.method);
  return Math.max(...same.flatMap((map) => extremes(map.values).map(Math.abs)));
}

function clearPanels() {
  part(".panels").replaceChildren();
  panels = [];
}

/** Make the panels, controls and words fit the choice. Not on the pointer's path. */
function arrange() {
  const wanted = wantedPanels();
  const { crop } = current.value;
  if (panels.length !== wanted.length || panels[0].crop !== crop) {
    clearPanels();
    panels = wanted.map(() => new Panel(part(".panels"), crop));
    panels.forEach(listenToPanel);
  }
  fitPanels();
  for (const panel of panels) panel.drawGrid(stageNow().tokens);
  refreshControls();
  const { view, stage, block, head, channel } = selection;
  Object.assign(root.dataset, { view, stage, block, head, channel });
}

/** As large as the frame allows: the columns, and every panel's width, which CSS works out from them. */
function fitPanels() {
  if (!current || !panels.length) return;
  const frame = part(".panels");
  const [height, width] = current.value.crop.photo;
  const columns = bestColumns(panels.length, width / height, frame.clientWidth / frame.clientHeight || 1);
  frame.style.setProperty("--columns", columns);
  frame.style.setProperty("--rows", Math.ceil(panels.length / columns));
  frame.style.setProperty("--shape", width / height);
  frame.classList.toggle("several", panels.length > 1);
  for (const panel of panels) panel.drawPhoto(current.peek("photo"));
}

function scheduleRender() {
  if (pending || !current || root.dataset.state !== "ready") return;
  pending = requestAnimationFrame(() => {
    pending = 0;
    if (current && root.dataset.state === "ready") render();
  });
}

/** Numbers to pixels and words: everything that a move of the pointer changes. */
function render() {
  const wanted = wantedPanels();
  if (wanted.length !== panels.length) return arrange(), render();
  const key = ({ query, head }) => [current.value.key, selection.view, selection.stage, selection.block, head, selection.channel, selection.target,
    selection.method, selection.stretched, selection.view === "attention" || selection.view === "similarity" ? query : ""].join(" ");
  const stale = wanted.some((one, index) => panels[index].drawn !== key(one) || !panels[index].shows);
  if (stale) drawMaps(wanted, key);
  drawMarks(wanted);
  say(wanted);
  root.dataset.query = String(wanted.at(-1).query);
}

let scale = null;

function drawMaps(wanted, key) {
  const maps = wanted.map(mapOf);
  scale = maps[0] && limits(maps[0].kind, maps.map((map) => map.values), { stretched: selection.stretched, baseline: maps[0].baseline, reach: maps[0].reach ?? null });
  panels.forEach((panel, index) => {
    panel.shows = maps[index];
    panel.drawn = key(wanted[index]);
    panel.drawMap(maps[index], maps[index] && PALETTE_OF[maps[index].kind], scale);
  });
  showLegend(maps[0]);
  showAbsence(maps[0]);
}

function drawMarks(wanted) {
  const { tokens, queries: seenBy } = stageNow();
  const { crop } = current.value;
  panels.forEach((panel, index) => {
    const { query } = wanted[index];
    const at = query === "cls" ? hovered : query;
    const comparing = wanted.length > 1 && wanted[0].query !== wanted[1].query;
    panel.mark("token", at && windowOf(crop, tokens, at, tokens.stride));
    panel.mark("hovered", hovered && pins.length ? windowOf(crop, tokens, hovered, tokens.stride) : null);
    panel.mark("pinned", !comparing && pins.length > 1 ? windowOf(crop, tokens, pins[0], tokens.stride) : null);
    panel.mark("field", selection.field && at ? windowOf(crop, tokens, at, tokens.receptive_field) : null);
    panel.mark("wide field", selection.field && at ? windowOf(crop, seenBy, at, seenBy.receptive_field) : null);
    panel.figure.classList.toggle("fixed", pins.length > 0);
  });
}

// ---- words -----------------------------------------------------------------------------------------------------

let saying = 0;

function say(wanted) {
  const shown = wanted.map((one, index) => ({ ...one, map: panels[index].shows }));
  const list = part(".facts");
  if (!shown[0].map) return list.replaceChildren();
  const context = {
    view: selection.view, panels: shown, stages: current.stages, selection, channel: selection.channel, pinned: pins.length > 0,
    features: current.peek(`features ${selection.stage}`), target: current.value.classes.find((one) => one.index === selection.target), valueAt,
  };
  const facts = factsOf(text, context);
  showFacts(list, facts);
  shown.forEach((one, index) => setText(panels[index].caption, shown.length > 1 ? captionOf(one) : ""));
  const sentence = sentenceOf(text, context, facts);
  clearTimeout(saying);
  saying = setTimeout(() => { // ears get the place where the pointer rests, not the way there
    setText(part(".sentence"), sentence);
    part(".frame").setAttribute("aria-label", text("label", { sentence }));
  }, 350);
}

function captionOf({ query, head, map }) {
  const name = selection.head === "all" ? text("head name", { head: head + 1 }) : placeOf(text, query);
  return map.row ? `${name} · ${text("bits", { bits: spread(map).entropy.toFixed(2) })}` : name;
}

/** The value of a map where a token's centre lies. */
function valueAt(map, [row, column]) {
  const { offset, stride } = stageNow().tokens;
  const [r, c] = cellAt(map.grid, offset + row * stride, offset + column * stride);
  return map.values[r * map.grid.columns + c];
}

/** The facts as a list whose nodes stay: only their text changes. */
function showFacts(list, facts) {
  while (list.children.length > facts.length) list.lastChild.remove();
  while (list.children.length < facts.length) {
    const item = list.appendChild(document.createElement("div"));
    item.append(document.createElement("dt"), document.createElement("dd"), document.createElement("dd"));
    item.lastChild.className = "sub";
  }
  facts.forEach(({ label, value, sub }, index) => {
    const [term, number, more] = list.children[index].children;
    setText(term, label);
    setText(number, value);
    setText(more, sub);
  });
}

function setText(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

function legendOf(map) {
  const { view, stretched, channel } = selection;
  const kind = view === "feature" ? `feature.${channel === "norm" ? "norm" : "channel"}` : view.startsWith("attention") ? "distribution" : view;
  const unit = text(`unit.${kind}`);
  const show = map.kind === "distribution" ? percent : digits;
  const named = stretched ? "scale.stretched" : `scale.${kind}` in TEXTS.en ? `scale.${kind}` : "scale.plain";
  const at = map.baseline ? (map.baseline - scale.low) / (scale.high - scale.low) : -1;
  const high = scale.clipped ? text("or more", { value: show(scale.high) }) : show(scale.high);
  const ticks = [{ name: "low", at: 0, text: show(scale.low) }, { name: "high", at: 1, text: high }];
  if (at >= 0 && at <= 1) ticks.push({ name: "uniform", at, text: text("uniform", { value: show(map.baseline) }) });
  return { name: text(named, { unit }), ticks };
}

function showLegend(map) {
  part(".legend").classList.toggle("without", !map);
  if (!map) return;
  const { name, ticks } = legendOf(map);
  drawScaleOnce(PALETTE_OF[map.kind]);
  setText(part(".scale-name"), name);
  for (const tick of ["low", "uniform", "high"]) {
    const found = ticks.find((one) => one.name === tick);
    const node = part(`.tick.${tick}`);
    node.hidden = !found;
    setText(node, found?.text ?? "");
    if (tick === "uniform" && found) node.style.left = `${found.at * 100}%`;
  }
  part(".scale").setAttribute("aria-label", `${name}: ${ticks.map((tick) => tick.text).join(", ")}`);
}

let scaleShown = null;

function drawScaleOnce(name) {
  if (scaleShown !== name) drawScale(part(".scale canvas"), name);
  scaleShown = name;
}

// ---- notices ---------------------------------------------------------------------------------------------------

function setState(state, words, values) {
  root.dataset.state = state;
  root.setAttribute("aria-busy", String(state === "loading"));
  if (state === "empty") notice(text("notice.empty"));
  else if (state === "loading") notice(current === null || incoming ? "" : text(words, values));
  else if (state === "error") notice(text(words, values), text("notice.retry"), show);
}

function notice(words, action, act) {
  const box = part(".notice");
  const button = box.querySelector("button");
  box.hidden = !words;
  setText(box.querySelector("p"), words);
  button.hidden = !action;
  setText(button, action ?? "");
  button.onclick = act ?? null;
}

/** Why there is no map, and what to do about it. */
function showAbsence(map) {
  if (map) return notice("");
  if (selection.view === "attention_cls") {
    const first = current.stages.findIndex((stage) => stage.has_cls) + 1;
    const words = first ? text("notice.no cls", { stage: selection.stage, first }) : text("notice.never cls");
    return notice(words, text("notice.show received"), () => open({ view: "attention_received" }));
  }
  if (selection.view === "rollout") return notice(text("notice.rollout"));
  const target = current.value.classes.find((one) => one.index === selection.target);
  notice(text("notice.evidence", { class: target.label }));
  const question = `${current.value.key} ${target.index}`;
  if (asked !== question) trigger("evidence", { class_index: target.index });
  asked = question;
}

// ---- controls --------------------------------------------------------------------------------------------------

function options(select, entries, chosen) {
  const signature = JSON.stringify(entries);
  if (select.dataset.options !== signature) {
    select.replaceChildren(...entries.map(([value, words]) => Object.assign(document.createElement("option"), { value, textContent: words })));
    select.dataset.options = signature;
  }
  select.value = String(chosen);
}

function refreshControls() {
  const { stages } = current;
  const { blocks, heads, channels } = stageNow();
  const numbered = (count, name) => Array.from({ length: count }, (_, index) => [index, text(`option.${name}`, { [name]: index + 1, count })]);
  options(control("stage"), numbered(stages.length, "stage").map(([index, words]) => [index + 1, words]), selection.stage);
  options(control("block"), numbered(blocks.length, "block"), selection.block);
  const mean = ["mean", text("option.head.mean", { count: heads })];
  options(control("head"), [mean, ["all", text("option.head.all")], ...numbered(heads, "head")], selection.head);
  options(control("channel"), [["norm", text("option.channel.norm")], ...numbered(channels, "channel")], selection.channel);
  refreshClasses(current);
  control("view").value = selection.view;
  control("method").value = selection.method;
  for (const name of ["stage", "block", "head", "channel", "method", "target"]) {
    const used = USES[selection.view].includes(name);
    control(name).disabled = !used;
    control(name).closest("label").classList.toggle("unused", !used);
  }
  setText(part(".explanation"), explanation());
}

function refreshClasses(data) {
  const classes = data.value.classes.map((one) => [one.index, text("option.class", { class: one.label, probability: percent(one.probability) })]);
  options(control("target"), classes, selection.target);
}

function explanation() {
  const { view, channel } = selection;
  const { keys, tokens, channels, has_cls } = stageNow();
  const name = view === "feature" ? `explain.feature.${channel === "norm" ? "norm" : "channel"}` : `explain.${view}`;
  const target = current.value.classes.find((one) => one.index === selection.target);
  return text(name, { keys: cells(keys), queries: cells(tokens) + (has_cls ? 1 : 0), channels, class: target?.label });
}

function prepareControls() {
  root.lang = spoken;
  for (const node of root.querySelectorAll("[data-text]")) node.textContent = text(node.dataset.text);
  options(control("view"), VIEWS.map((view) => [view, text(`view.${view}`)]), selection.view);
  options(control("scale"), ["shared", "stretched"].map((name) => [name, text(`option.${name}`)]), "shared");
  options(control("method"), ["grad_cam", "grad_attention"].map((name) => [name, text(`option.${name}`)]), selection.method);
  for (const name of ["view", "stage", "block", "head", "channel", "method", "target"]) {
    control(name).addEventListener("change", (event) => open({ [name]: event.target.value }));
  }
  control("scale").addEventListener("change", (event) => { selection.stretched = event.target.value === "stretched"; scheduleRender(); });
  control("field").addEventListener("change", (event) => { selection.field = event.target.checked; scheduleRender(); });
  control("opacity").addEventListener("input", (event) => {
    selection.opacity = Number(event.target.value);
    root.style.setProperty("--overlay", event.target.value);
  });
  control("save").addEventListener("click", save);
  control("share").addEventListener("click", share);
  part(".frame").addEventListener("keydown", onKey);
  new ResizeObserver(fitPanels).observe(part(".panels"));
}

/** Open something: { stage, block, head, view, query, … }, any of them. Resolves when it is on the screen. */
async function open(wanted) {
  const data = incoming ?? current;
  if (!data) return void (link = { ...link, ...wanted });
  link = null;
  choose(wanted, data.stages, data.value);
  show();
  await settled();
}

// ---- pointer and keyboard --------------------------------------------------------------------------------------

function tokenAt(panel, event) {
  const box = panel.picture.getBoundingClientRect();
  const [height, width] = panel.crop.photo;
  const y = ((event.clientY - box.top) / box.height) * height - 0.5;
  const x = ((event.clientX - box.left) / box.width) * width - 0.5;
  return cellAt(stageNow().tokens, ...toModel(panel.crop, y, x));
}

function listenToPanel(panel) {
  let pressed = null;
  const still = (event) => pressed && Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY) < 8;
  const look = (event) => { if (root.dataset.state === "ready") lookAt(tokenAt(panel, event)); };
  panel.picture.addEventListener("pointermove", look);
  panel.picture.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    pressed = event;
    if (event.pointerType !== "mouse") panel.picture.setPointerCapture(event.pointerId);
    look(event);
  });
  panel.picture.addEventListener("pointerup", (event) => {
    if (still(event) && root.dataset.state === "ready") pin(tokenAt(panel, event));
    pressed = null;
  });
  panel.picture.addEventListener("pointercancel", () => { pressed = null; });
  panel.picture.addEventListener("pointerleave", () => { hovered = null; scheduleRender(); });
}

function lookAt(query) {
  if (String(query) === String(hovered)) return;
  hovered = query;
  if (!pins.length) looked = query;
  scheduleRender();
}

/** Pin a token, unpin a pinned one, or move the second pin. */
function pin(query) {
  const kept = pins.filter((one) => String(one) !== String(query));
  pins = kept.length < pins.length ? kept : [...pins.slice(0, 1), query];
  looked = pins.at(-1) ?? query;
  link = null;
  show();
}

function walk(rows, columns) {
  const grid = stageNow().tokens;
  const [row, column] = pins.at(-1) ?? looked;
  const clip = (value, count) => Math.min(Math.max(value, 0), count - 1);
  looked = [clip(row + rows, grid.rows), clip(column + columns, grid.columns)];
  if (pins.length) pins = [...pins.slice(0, -1), looked];
  hovered = null;
  scheduleRender();
  if (pins.length) writeUrlSoon();
}

function onKey(event) {
  if (event.target !== part(".frame") || event.ctrlKey || event.metaKey || event.altKey || root.dataset.state !== "ready") return;
  const step = event.shiftKey ? 4 : 1;
  const ways = { ArrowUp: [-step, 0], ArrowDown: [step, 0], ArrowLeft: [0, -step], ArrowRight: [0, step], Home: [0, -1e6], End: [0, 1e6] };
  if (event.key in ways) walk(...ways[event.key]);
  else if (event.key === "Enter" || event.key === " ") pin(pins.length && hovered ? hovered : looked);
  else if (event.key === "Escape") unpin();
  else return;
  event.preventDefault();
}

function unpin() {
  if (!pins.length) return;
  looked = pins.at(-1);
  pins = pins.slice(0, -1);
  show();
}

// ---- address, link and picture ---------------------------------------------------------------------------------

function setUrl(changes) {
  history.replaceState(history.state, "", addressWith(location.href, changes));
  if (window.parent !== window) window.parent.postMessage({ queryString: location.search.slice(1) }, SPACES);
}

/** The address of what is on the screen. A photo that somebody brought has no name and is never in it. */
function address() {
  const { view, stage, block, head, channel, target, method } = selection;
  const uses = (name) => USES[view].includes(name);
  const [first, second] = view === "attention_cls" ? ["cls"] : pins;
  return {
    example: current.value.example, model: current.value.model, stage, block, head, view, query: first, compare: second,
    channel: uses("channel") ? channel : null, target: uses("target") ? target : null, method: uses("method") ? method : null,
  };
}

function writeUrl() {
  const href = addressWith(location.href, address());
  if (href !== location.href) setUrl(address());
}

let writing = 0;

function writeUrlSoon() {
  clearTimeout(writing);
  writing = setTimeout(writeUrl, 300);
}

function message(words) {
  setText(part(".message"), words);
}

async function share() {
  if (!current) return;
  if (!current.value.example) return message(text("message.private"));
  writeUrl();
  const href = addressWith(location.href, address());
  try {
    await navigator.clipboard.writeText(href);
    message(text("message.copied"));
  } catch {
    message(text("message.link", { link: href }));
  }
}

async function save() {
  const data = current;
  if (root.dataset.state !== "ready") return;
  try {
    const photo = await data.original();
    if (data !== current) return photo.close();
    const map = panels[0].shows;
    const drawn = wantedPanels().map((one, index) => ({ map: panels[index].shows, colours: map && PALETTE_OF[map.kind], scale, caption: panels[index].caption.textContent, boxes: boxesOf(one) }));
    const columns = Number(part(".panels").style.getPropertyValue("--columns"));
    const title = [text(`view.${selection.view}`), ...[...part(".facts").children].map((item) => `${item.children[0].textContent} ${item.children[1].textContent}`)].join(" · ");
    const words = { title, legend: map ? legendOf(map) : { name: "", ticks: [] }, opacity: selection.opacity, colours: map ? PALETTE_OF[map.kind] : "inferno" };
    const canvas = composePicture(photo, data.value.crop, drawn, columns, words);
    photo.close();
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    download(blob, `cvt-${selection.view}-stage${selection.stage}-block${selection.block + 1}.png`);
    message(text("message.saved", { width: canvas.width, height: canvas.height }));
  } catch (error) {
    message(text("message.failed", { reason: error.message }));
  }
}

function boxesOf({ query }) {
  const { tokens, queries: seenBy } = stageNow();
  const { crop } = current.value;
  if (query === "cls") return [];
  const field = selection.field ? [["field", windowOf(crop, tokens, query, tokens.receptive_field)], ["field", windowOf(crop, seenBy, query, seenBy.receptive_field)]] : [];
  return [...field, ["token", windowOf(crop, tokens, query, tokens.stride)]];
}

function download(blob, name) {
  const anchor = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10000);
}

/** The row of attention that is drawn: softmax over all keys, CLS first where the stage has one. */
async function rowOf(stage, block, head, query) {
  await settled();
  if (!current) throw new Error("there is no photo yet");
  const place = settle(current.stages, { stage: null, block: null, head: null }, { stage, block, head, query });
  if (!place.stage || !place.query) throw new RangeError(`no attention of stage ${stage}, block ${block}, head ${head}, query ${query}`);
  const numbers = await current.block(place.stage, place.block);
  return attentionRow(numbers, place.head === "all" ? "mean" : place.head, queryIndex(current.stages[place.stage - 1], place.query));
}

prepareControls();
root.explorer = { attentionRow: rowOf, open, setUrl, parameters };
watch("value", () => load(props.value));
load(props.value);
