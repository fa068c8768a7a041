// The console: everything that it shows comes from the feed at console/events. Nothing is made of texts as HTML.
"use strict";

const SVG = "http://www.w3.org/2000/svg", TEN_MINUTES = 600_000;
const byId = id => document.getElementById(id);
const details = byId("details");
let key = "", pipelines = [], figures = null, points = [], rule = "off", bounds = [], shown = null, tapping = null;

// --- Words

function duration(seconds) {
  if (seconds == null) return "–";
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 0.1) return `${+(seconds * 1e3).toFixed(1)} ms`;
  if (seconds < 1) return `${Math.round(seconds * 1e3)} ms`;
  if (seconds < 10) return `${+seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
const number = value => value == null ? "–" : value >= 100 ? String(Math.round(value)) : String(+value.toFixed(1));
const perSecond = value => `${number(value)}/s`;
const sum = counts => Object.values(counts ?? {}).reduce((all, one) => all + one, 0);
const clock = time => new Date(time).toLocaleTimeString();
const codes = counts => Object.entries(counts ?? {}).sort((a, b) => b[1] - a[1]).map(([code, count]) => `${code} ${count}`).join(", ");
const queued = stage => stage.queue ? `${stage.queue.messages} waiting${stage.queue.messages ? `, ${duration(stage.queue.oldest)}` : ""}` : "";

// --- Elements

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text != null) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
function drawn(name, attributes = {}) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
function setText(node, text) { if (node && node.textContent !== text) node.textContent = text; }
function setItems(list, texts, fine) {
  const now = texts.length ? texts : fine ? [fine] : [];
  if (list.dataset.texts === JSON.stringify(now)) return;
  list.dataset.texts = JSON.stringify(now);
  list.replaceChildren(...now.map(text => element("li", text, texts.length ? {} : { class: "fine" })));
}

// The picture as elements: of the host's SVG only tags, attributes and texts as the host writes them.
function picture(text, number) {
  const plain = part => part.replace(/&(lt|gt|quot|amp);/g, (_, name) => ({ lt: "<", gt: ">", quot: "\"", amp: "&" })[name]);
  const stack = [document.createDocumentFragment()];
  for (const [, end, name, attributes, closed, words] of text.matchAll(/<(\/?)([a-z]+)((?:\s+[\w:-]+="[^"]*")*)\s*(\/?)>|([^<]+)/gi)) {
    if (words != null) { if (words.trim()) stack.at(-1).append(plain(words)); continue; }
    if (end) { stack.pop(); continue; }
    const node = drawn(name);
    for (const [, key, value] of attributes.matchAll(/([\w:-]+)="([^"]*)"/g)) {
      if (key.startsWith("xmlns") || key.startsWith("on")) continue;
      node.setAttribute(key, plain(value).replace(/^arrow$/, `arrow${number}`).replace("url(#arrow)", `url(#arrow${number})`));
    }
    stack.at(-1).append(node);
    if (!closed) stack.push(node);
  }
  return stack[0].firstElementChild;
}

// --- What is served

const COLUMNS = ["stage", "rate", "p50", "p99", "inside", "errors", "waiting", "oldest", "tokens"];
const CHARTS = [
  { title: "Messages a second", index: 0, unit: number }, { title: "p99", index: 2, unit: duration },
  { title: "Errors a second", index: 3, unit: number }, { title: "Waiting messages", index: 4, unit: number },
];

function outline(event) {
  [rule, bounds] = [event.tap, event.bounds];
  const focused = document.activeElement?.closest?.("[data-stage]")?.dataset;
  pipelines = event.pipelines.map((pipeline, index) => section(pipeline, index));
  byId("pipelines").replaceChildren(...pipelines.map(pipeline => pipeline.section));
  if (focused) pipelines.find(one => one.name === focused.pipeline)?.rows.get(focused.stage)?.button.focus();
  if (shown) open(shown.pipeline, shown.label);
}

function section(pipeline, index) {
  const id = `pipeline-${index}`, made = element("section", null, { "aria-labelledby": id });
  const rates = element("p"), resources = element("ul", null, { class: "resources", "aria-label": "Resources" });
  const drawing = element("div", null, { class: "drawing scroll", tabindex: "0", role: "region", "aria-label": `The stages of ${pipeline.name}, drawn` });
  const groups = new Map(), queues = new Map();
  if (pipeline.svg) {
    const svg = picture(pipeline.svg, index);
    svg.removeAttribute("role");
    svg.querySelector("title")?.remove();
    drawing.append(svg);
    for (const group of svg.querySelectorAll("g.stage")) {
      const label = group.dataset.stage;
      group.dataset.pipeline = pipeline.name;
      group.setAttribute("tabindex", "0");
      group.setAttribute("role", "button");
      group.addEventListener("click", () => open(pipeline.name, label));
      group.addEventListener("keydown", event => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        open(pipeline.name, label);
      });
      groups.set(label, group);
    }
    for (const text of svg.querySelectorAll("[data-queue]")) queues.set(text.dataset.queue, text);
  }
  const head = element("tr");
  head.append(...COLUMNS.map(name => element("th", name, { scope: "col" })));
  const rows = new Map(), body = element("tbody");
  for (const stage of pipeline.stages) {
    const row = element("tr"), name = element("th", null, { scope: "row" });
    const button = element("button", stage.label, { type: "button", "data-stage": stage.label, "data-pipeline": pipeline.name });
    button.addEventListener("click", () => open(pipeline.name, stage.label));
    name.append(button);
    const cells = COLUMNS.slice(1).map(() => element("td"));
    row.append(name, ...cells);
    body.append(row);
    rows.set(stage.label, { button, cells });
  }
  const table = element("table"), thead = element("thead"), scroll = element("div", null, { class: "scroll", tabindex: "0", role: "region", "aria-label": `Figures of ${pipeline.name}` });
  thead.append(head);
  table.append(thead, body);
  scroll.append(table);
  const parts = element("div", null, { class: "parts" }), right = element("div");
  const charts = element("div", null, { class: "charts" });
  right.append(rates, resources, scroll, charts);
  parts.append(drawing, right);
  made.append(element("h2", `Pipeline ${pipeline.name}`, { id }), parts);
  if (pipeline.explain) {
    const explained = element("details");
    explained.append(element("summary", "What is promised"), element("pre", pipeline.explain));
    made.append(explained);
  }
  return { ...pipeline, section: made, rates, resources, rows, groups, queues, charts: CHARTS.map(chart => new Chart(chart, charts)) };
}

// --- Figures

function update(event) {
  figures = event;
  setText(byId("state"), "live");
  setText(byId("connections"), `${event.connections} connections, ${event.websockets} WebSockets, figures of the last ${duration(event.over)}`);
  setItems(byId("notes"), event.notes, "Nothing: every resource can be used, nothing waits, no stage fails.");
  for (const now of event.pipelines) {
    const pipeline = pipelines.find(one => one.name === now.name);
    if (pipeline) updatePipeline(pipeline, now);
  }
  byId("models").hidden = !event.fallbacks.length;
  const models = byId("models").querySelector("tbody");
  models.replaceChildren(...event.fallbacks.map(use => {
    const row = element("tr");
    row.append(...[use.from, use.to, use.code, use.recent, use.total].map(value => element("td", value)));
    if (use.recent) row.children[3].className = "bad";
    return row;
  }));
  if (event.reload) {
    const { taken, time, reason, restart, diagnostics } = event.reload;
    setText(byId("reload"), `${clock(time)}: ${taken ? "the changed files are in effect" : `the changed files were refused: ${reason}`}${restart ? `; ${restart}` : ""}.`);
    setItems(byId("diagnostics"), diagnostics);
  }
  if (shown && details.open) updateDetails();
}

function updatePipeline(pipeline, now) {
  const { answered, failed, cancelled } = now.messages;
  setText(pipeline.rates, `${perSecond(answered)} answered, ${perSecond(failed)} failed, ${perSecond(cancelled)} cancelled, at ${pipeline.path}`);
  const said = now.resources.map(one => one.ready ? `${one.name}: ready` : `${one.name}: ${one.says}${one.in_its_place ? `; in its place ${one.in_its_place.join(", ")}` : ""}`);
  if (pipeline.resources.dataset.texts !== said.join()) {
    pipeline.resources.dataset.texts = said.join();
    pipeline.resources.replaceChildren(...said.map((text, index) => element("li", text, now.resources[index].ready ? {} : { class: "bad" })));
  }
  const holders = new Set(pipeline.stages.filter(stage => stage.holds.length).map(stage => stage.label));
  const slowest = now.stages.filter(stage => !holders.has(stage.label) && stage.p99 >= 0.1).sort((a, b) => b.p99 - a.p99)[0]?.label;
  for (const stage of now.stages) {
    const failures = sum(stage.recent_errors), isSlow = stage.label === slowest, waits = stage.queue?.oldest >= 1;
    const row = pipeline.rows.get(stage.label);
    if (!row) continue;
    const values = [
      perSecond(stage.rate), duration(stage.p50), duration(stage.p99) + (isSlow ? " slowest" : ""), String(stage.inside),
      failures ? `${failures} (${codes(stage.recent_errors)})` : "0", stage.queue ? String(stage.queue.messages) : "–",
      stage.queue?.messages ? duration(stage.queue.oldest) : "–", stage.tokens == null ? "–" : perSecond(stage.tokens_rate),
    ];
    const classes = ["", "", isSlow ? "warn" : "", "", failures ? "bad" : "", waits ? "bad" : "", waits ? "bad" : "", ""];
    row.cells.forEach((cell, index) => { setText(cell, values[index]); cell.className = classes[index]; });
    const group = pipeline.groups.get(stage.label);
    if (group) {
      const lines = [`${perSecond(stage.rate)} p50 ${duration(stage.p50)} p99 ${duration(stage.p99)}`,
        failures ? `${failures} failed: ${codes(stage.recent_errors)}` : stage.tokens ? `${perSecond(stage.tokens_rate)} tokens` : stage.inside ? `${stage.inside} inside` : ""];
      const texts = group.querySelectorAll(".figure");
      lines.forEach((line, index) => setText(texts[index], line.length > 34 ? line.slice(0, 33) + "…" : line));
      texts[0]?.classList.toggle("warn", isSlow);
      texts[1]?.classList.toggle("bad", failures > 0);
      group.classList.toggle("warn", isSlow);
      group.classList.toggle("bad", failures > 0);
      group.setAttribute("aria-label", [stage.label, ...lines, queued(stage)].filter(Boolean).join(", "));
    }
    const queue = pipeline.queues.get(stage.label);
    if (queue) { setText(queue, queued(stage)); queue.classList.toggle("bad", waits); }
  }
}

// --- The last ten minutes

class Chart {
  constructor({ title, index, unit }, parent) {
    Object.assign(this, { title, index, unit });
    this.figure = element("figure");
    this.caption = element("figcaption", title);
    this.svg = drawn("svg", { viewBox: "0 0 600 100", preserveAspectRatio: "none", role: "img", "aria-label": title });
    this.legend = element("ul");
    this.figure.append(this.caption, this.svg, this.legend);
    parent.append(this.figure);
  }

  draw(name) {
    // As long as there is something to show: of a minute at first, of ten at last.
    const end = Date.now(), span = Math.min(TEN_MINUTES, Math.max(60_000, end - earliest()));
    const start = end - span, lines = new Map();
    for (const point of points) {
      const time = Date.parse(point.time), values = point.stages[name] ?? {};
      for (const [label, row] of Object.entries(values)) {
        if (row[this.index] == null) continue;
        if (!lines.has(label)) lines.set(label, []);
        // A point is the average of its time.
        lines.get(label).push([Math.max(start, time - point.over * 1000), row[this.index]], [time, row[this.index]]);
      }
    }
    const all = [...lines].map(([label, line]) => ({ label, line, top: Math.max(...line.map(point => point[1])) }))
      .filter(one => one.top > 0).sort((a, b) => b.top - a.top).slice(0, 6);
    const top = all[0]?.top ?? 1;
    this.figure.hidden = !all.length;
    this.svg.replaceChildren(...all.map((one, color) => drawn("polyline", {
      class: `c${color}`,
      points: one.line.map(([time, value]) => `${((time - start) / span * 600).toFixed(1)},${(97 - value / top * 94).toFixed(1)}`).join(" "),
    })));
    setText(this.caption, `${this.title}, the last ${duration(span / 1000)}, up to ${this.unit(top)}`);
    const words = all.map(one => `${one.label} ${this.unit(one.line.at(-1)[1])}`);
    this.svg.setAttribute("aria-label", `${this.title}: ${words.join(", ")}`);
    this.legend.replaceChildren(...words.map((text, color) => element("li", text, { class: `c${color}` })));
  }
}

function earliest() {
  return Math.min(...points.map(point => Date.parse(point.time) - point.over * 1000));
}

function addPoints(added) {
  points.push(...added);
  points = points.filter(point => Date.parse(point.time) > Date.now() - TEN_MINUTES);
  for (const pipeline of pipelines) for (const chart of pipeline.charts) chart.draw(pipeline.name);
}

// --- A stage

function open(pipeline, label) {
  const served = pipelines.find(one => one.name === pipeline), stage = served?.stages.find(one => one.label === label);
  if (!stage) { stopTapping(); shown = null; details.close(); return; }
  if (shown?.label !== label || shown?.pipeline !== pipeline) { stopTapping(); byId("messages").replaceChildren(); }
  shown = { pipeline, label };
  setText(byId("details-title"), stage.label === stage.stage ? stage.label : `${stage.label} (${stage.stage})`);
  byId("settings").replaceChildren(...stage.settings.map(setting => {
    const row = element("tr", null, setting.default ? { class: "default" } : {});
    row.append(element("th", setting.name, { scope: "row" }), element("td", setting.value), element("td", setting.default ? "default" : ""));
    return row;
  }));
  byId("tap-form").hidden = rule === "off";
  if (rule === "off") setText(byId("tap-state"), "Messages are not shown: the file says 'host: {tap: off}'.");
  else if (!tapping) setText(byId("tap-state"), rule === "ids" ? "Which messages they are is shown, not what was said ('host: {tap: ids}')." : "");
  if (!details.open) details.showModal();
  updateDetails();
}

function updateDetails() {
  const stage = figures?.pipelines.find(one => one.name === shown.pipeline)?.stages.find(one => one.label === shown.label);
  if (!stage) return;
  const parts = [perSecond(stage.rate), `p50 ${duration(stage.p50)}`, `p99 ${duration(stage.p99)}`, `${stage.inside} inside`,
    `${stage.retries} retries`, stage.tokens == null ? "" : `${stage.tokens} tokens`, queued(stage),
    sum(stage.errors) ? `errors since the start: ${codes(stage.errors)}` : ""];
  setText(byId("details-now"), parts.filter(Boolean).join(", "));
  histogram(stage.buckets);
  const rows = (stage.failures ?? []).slice().reverse().map(failure => [clock(failure.time), failure.code + (failure.text ? `: ${failure.text}` : ""), failure.message_id ?? "–", failure.session_id ?? "–"]);
  const errors = byId("errors"), text = JSON.stringify(rows);
  if (errors.dataset.rows === text) return;
  errors.dataset.rows = text;
  errors.replaceChildren(...(rows.length ? rows : [["none", "", "", ""]]).map(values => {
    const row = element("tr");
    row.append(...values.map(value => element("td", value)));
    return row;
  }));
}

function histogram(buckets) {
  const place = byId("histogram"), total = buckets.reduce((all, one) => all + one, 0);
  if (place.dataset.buckets === String(buckets)) return;
  place.dataset.buckets = String(buckets);
  const first = buckets.findIndex(count => count), last = buckets.findLastIndex(count => count);
  if (first < 0) return place.replaceChildren(element("span", "no run yet"));
  place.replaceChildren(...buckets.slice(first, last + 1).flatMap((count, offset) => {
    const index = first + offset, name = index < bounds.length ? `≤ ${duration(bounds[index])}` : `> ${duration(bounds.at(-1))}`;
    return [element("span", name), element("meter", null, { min: 0, max: total, value: count, "aria-label": `${name}: ${count} runs` }), element("span", String(count))];
  }));
}

function stopTapping() {
  tapping?.abort();
  tapping = null;
  setText(byId("watch"), "Watch messages");
}

byId("tap-form").addEventListener("submit", async event => {
  event.preventDefault();
  if (tapping) return stopTapping();
  const own = tapping = new AbortController(), query = new URLSearchParams({ tap: shown.label });
  if (byId("session").value.trim()) query.set("session", byId("session").value.trim());
  const pipeline = shown.pipeline, list = byId("messages");
  let ended = "The connection has ended.", isOmitting = false;
  setText(byId("watch"), "Stop watching");
  setText(byId("tap-state"), "Waiting for messages …");
  try {
    await follow(`?${query}`, message => {
      if (message.type === "end") ended = `Ended: ${message.reason}`;
      if (message.type === "omitted") {
        // Said once: a screen reader reads each change.
        isOmitting = true;
        return setText(byId("tap-state"), "More messages come than are shown.");
      }
      if (message.type !== "message" || message.pipeline !== pipeline) return;
      if (!isOmitting) setText(byId("tap-state"), "");
      const item = element("li", `${clock(message.time)}  ${message.outcome}  ${duration(message.took)}  message ${message.message_id}  session ${message.session_id}`);
      for (const name of ["prompt", "response", "error"]) if (message[name] != null) item.append(element("p", `${name}: ${message[name]}`));
      list.prepend(item);
      while (list.children.length > 50) list.lastChild.remove();
    }, own.signal);
  } catch (problem) {
    ended = problem.text ?? ended;
  }
  if (own === tapping) setText(byId("tap-state"), ended);
  if (own === tapping) stopTapping();
});
byId("close").addEventListener("click", () => details.close());
details.addEventListener("close", () => { if (!details.open) { stopTapping(); shown = null; } });

// --- The feed

async function follow(query, take, signal) {
  const headers = { accept: "text/event-stream", ...(key && { authorization: `Bearer ${key}` }) };
  const response = await fetch(`console/events${query}`, { headers, signal, cache: "no-store" });
  if (!response.ok) throw { status: response.status, text: (await response.text()).trim() };
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) if (event.startsWith("data: ")) take(JSON.parse(event.slice(6)));
  }
}

function take(event) {
  if (event.type === "pipelines") outline(event);
  else if (event.type === "figures") update(event);
  else if (event.type === "history") { points = []; addPoints(event.points); }
  else if (event.type === "point") addPoints([event]);
  else if (event.type === "end") setText(byId("state"), `ended: ${event.reason}`);
}

function tell(problem) {
  byId("problem").hidden = !problem;
  setText(byId("problem"), problem ?? "");
}

async function run() {
  for (let pause = 1000; ; pause = Math.min(pause * 2, 10_000)) {
    let refusal = null;
    try {
      await follow("", event => { pause = 1000; tell(null); take(event); });
    } catch (problem) {
      refusal = problem;
    }
    if (refusal?.status === 401 || refusal?.status === 403 && key) {
      tell(key ? `The host does not take this key: ${refusal.text}` : null);
      setText(byId("state"), "waiting for an operator's key");
      byId("key-form").hidden = false;
      byId("key").focus();
      await new Promise(resolve => byId("key-form").addEventListener("submit", event => { event.preventDefault(); resolve(); }, { once: true }));
      key = byId("key").value.trim();
      byId("key-form").hidden = true;
      setText(byId("state"), "connecting …");
      continue;
    }
    if (refusal?.status) tell(refusal.status === 404 ? "There is no console any more: the file says 'host: {console: off}'." : refusal.text);
    setText(byId("state"), "not connected; trying again");
    await new Promise(resolve => setTimeout(resolve, pause));
  }
}

run();
