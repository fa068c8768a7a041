// The chat page: conversations with the pipelines of this host.
import { Connection } from "./connection.js";
import { announce, button, byId, element } from "./dom.js";
import { Exchange } from "./exchange.js";
import * as sessions from "./sessions.js";

const given = (id) => JSON.parse(byId(id).textContent);
const pipelines = given("pipelines"), needsToken = given("needs-token"), hasHistory = given("has-history");
const log = byId("log"), prompt = byId("prompt"), choice = byId("pipeline"), token = byId("token");
let current; // the chat that is shown
const chats = new Map(); // those that are connected, by session
const REMEMBERED = 600_000; // milliseconds; so long a host knows a message again, where its file says nothing else

// Random also where the page did not come by HTTPS.
const newID = () => "c-" + [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

const STOPPED = { code: "cancelled", message: "Stopped" };
const ending = (entry, error) => ({ state: entry.answer ? "broken" : "failed", error });

/** A conversation: what was said, and its connection while there is one. */
class Chat {
  constructor({ id, title, path, time }, isReloaded = false) {
    Object.assign(this, { id, title, path, time, isReloaded, exchanges: new Map(), isFollowed: true });
    this.element = element("div");
    const stored = id ? sessions.load(id) : { seq: 0, entries: [] };
    this.entries = stored.entries;
    const stopped = this.waiting.filter((entry) => entry.isStopped);
    for (const entry of stopped) Object.assign(entry, ending(entry, STOPPED));
    for (const entry of this.entries) this.show(entry);
    this.connection = new Connection({ path, session: id, seq: stored.seq, needsToken }, {
      state: (state, text) => this.changed(state, text),
      session: (session) => this.greeted(session),
      again: (id) => this.again(id),
      lapsed: (ids) => this.lapsed(ids),
      gap: () => this.waiting.filter((entry) => entry.answer).forEach((entry) => this.exchanges.get(entry.id).add("\n\n(…)\n\n")),
      frame: (frame) => this.receive(frame),
    });
    for (const entry of this.waiting) this.connection.load(entry.id, entry.prompt);
    for (const entry of stopped) this.connection.cancelled.add(entry.id);
  }

  get waiting() {
    return this.entries.filter((entry) => entry.state === "waiting");
  }

  show(entry) {
    const exchange = new Exchange(this, entry);
    this.exchanges.set(entry.id, exchange);
    this.element.append(exchange.element);
  }

  connect() {
    if (needsToken && !token.value) return this.changed("unknown");
    this.connection.token = token.value;
    this.connection.connect();
  }

  /** Goes on here with what another tab has had until now. */
  resume() {
    if (this.state?.[0] === "elsewhere" && this.id) {
      const stored = sessions.load(this.id), own = new Set(this.entries.map((entry) => entry.id));
      if (stored.entries.length) {
        this.connection.seq = stored.seq;
        this.arrange(sessions.combine(stored.entries, this.entries));
      }
      const waiting = new Set(this.waiting.map((entry) => entry.id));
      for (const id of this.connection.unanswered.keys()) if (!waiting.has(id)) this.connection.unanswered.delete(id);
      for (const entry of this.waiting) if (!own.has(entry.id)) this.connection.load(entry.id, entry.prompt);
    }
    this.connect();
  }

  /** Adds what the host has stored of it. */
  async recall(lapsed) {
    if (!hasHistory || !this.id || (needsToken && !token.value)) return;
    const rows = await sessions.rows(this.id, token.value);
    if (!rows) return;
    this.arrange(sessions.merge(this.entries, rows, lapsed));
  }

  arrange(entries) {
    this.entries = entries;
    const shown = new Set(this.entries.map((entry) => entry.id));
    for (const [id, exchange] of this.exchanges) if (!shown.has(id)) exchange.element.remove();
    for (const entry of this.entries) {
      const known = this.exchanges.get(entry.id);
      if (!known) this.show(entry);
      else if (known.entry.answer !== entry.answer || known.entry.state !== entry.state) {
        known.element.remove();
        this.show(entry);
      } else known.entry = entry;
      this.element.append(this.exchanges.get(entry.id).element);
    }
    update();
  }

  greeted(session) {
    this.id = session;
    chats.set(session, this);
    if (this === current) remember(session);
    if (this.entries.length) this.keep();
  }

  ask(text) {
    const entry = { id: newID(), prompt: text, answer: "", state: "waiting", time: Date.now() };
    this.title ??= text.trim().slice(0, 80);
    this.time = entry.time;
    this.entries.push(entry);
    this.isFollowed = true;
    this.show(entry);
    this.connection.ask(entry.id, text);
    this.keep();
    announce("Sent. Waiting for the answer.");
    update();
  }

  edit(text) {
    prompt.value = text;
    prompt.focus();
  }

  stop() {
    for (const entry of this.waiting) {
      entry.isStopped = true;
      this.connection.cancel(entry.id);
    }
  }

  /**
   * The host's session no longer has messages that an earlier page sent. Their answers may be in its rows. Whoever reloads still
   * waits, and the host works once on what it knows again; whoever opens an old conversation has not asked for anything.
   */
  async lapsed(ids) {
    await this.recall(ids);
    for (const entry of this.waiting.filter((entry) => ids.includes(entry.id))) {
      if (entry.isStopped) this.end(entry, STOPPED);
      else if (this.isReloaded && Date.now() - entry.time < REMEMBERED) {
        this.again(entry.id);
        this.connection.ask(entry.id, entry.prompt);
      } else this.end(entry, { code: "page_closed", message: "the page was closed before the answer came" });
    }
    this.keep();
  }

  again(id) {
    const exchange = this.exchanges.get(id);
    exchange.isAskedAgain = true;
    if (exchange.entry.answer) exchange.note("The connection was lost; the message is asked again.");
  }

  receive(frame) {
    const entry = this.exchanges.get(frame.id)?.entry;
    if (!entry) return;
    if (frame.type === "delta") return this.exchanges.get(frame.id).add(frame.text);
    if (frame.type === "error") return this.end(entry, frame.error);
    if (frame.type !== "response") return;
    Object.assign(entry, { state: "done", answer: frame.response, messageID: frame.message_id, finish: frame.finish_reason });
    // Its row may have been shown already.
    const twin = this.entries.find((other) => other !== entry && other.messageID === entry.messageID);
    if (twin) {
      this.exchanges.get(twin.id)?.element.remove();
      this.entries = this.entries.filter((other) => other !== twin);
    }
    this.settled(entry);
  }

  end(entry, error) {
    Object.assign(entry, ending(entry, error));
    this.settled(entry);
  }

  settled(entry) {
    this.exchanges.get(entry.id).settle();
    this.keep();
    update();
    // Nobody looks at it, and nothing is to come.
    if (this !== current && !this.waiting.length) this.leave();
  }

  leave() {
    this.connection.close();
    chats.delete(this.id);
  }

  keep() {
    if (!this.id || !this.entries.length || this.isForgotten) return;
    this.seq = this.connection.seq;
    const isBehind = !this.connection.isGreeted && (this.state?.[0] === "elsewhere" || sessions.load(this.id).seq > this.seq);
    sessions.keep(this, isBehind);
    list();
  }

  /** Ends it, and keeps nothing of it. */
  forget() {
    this.isForgotten = true;
    this.leave();
  }

  changed(state, text) {
    this.state = [state, text];
    if (this === current) tell(state, text);
  }

  /** Keeps the end in sight while the reader is there. */
  follow() {
    if (this !== current) return;
    if (this.isFollowed) log.scrollTop = log.scrollHeight;
    byId("latest").hidden = this.isFollowed;
  }
}

// What the connection is, in words; and what somebody can do where it does not mend itself.
function tell(state, text) {
  const said = {
    connecting: "connecting …", open: "session " + current.id, lost: "not connected; trying again …",
    idle: "not connected; it connects when you write", unknown: "not connected: this host wants a key",
    refused: text || "refused", elsewhere: text || "not connected",
  }[state];
  if (state === "lost" && byId("state").textContent !== said) announce("The connection was lost. It is tried again.");
  byId("state").textContent = said;
  const problem = byId("problem"), solve = byId("solve");
  let [what, label, action] = [];
  const isOther = /another connection/.test(text);
  if ((state === "refused" || state === "elsewhere" && !isOther) && needsToken) {
    what = `The host did not let you in: ${text}. Enter another key or token above.`;
    if (current.id) [label, action] = ["New conversation", () => start()];
    token.focus();
  } else if (state === "refused" || state === "elsewhere") {
    what = isOther ? "This conversation goes on in another tab or window." : `The host closed the connection: ${text}.`;
    [label, action] = [isOther ? "Continue here" : "Connect again", () => current.resume()];
  } else if (state === "lost" && text && !current.connection.isGreeted) {
    what = `The connection was lost: ${text}. It is tried again; what you wrote is not sent twice.`;
  }
  problem.hidden = !what;
  problem.firstElementChild.textContent = what ?? "";
  solve.hidden = !label;
  solve.textContent = label ?? "";
  solve.onclick = action ?? null;
}

function update() {
  const isEmpty = !current.entries.length;
  byId("empty").hidden = !isEmpty;
  const stop = byId("stop"), isIdle = !current.waiting.length;
  // What is hidden loses the focus to nothing.
  if (isIdle && document.activeElement === stop) prompt.focus();
  stop.hidden = isIdle;
  list();
}

function list() {
  const known = sessions.list().filter((session) => pipelines.some((pipeline) => pipeline.path === session.path));
  const rows = known.map((session) => {
    const open = button(session.title || "Untitled", () => choose(session), { className: "open", dir: "auto" });
    if (session.id === current?.id) open.setAttribute("aria-current", "true");
    const drop = button("✕", () => forget(session), { className: "delete", ariaLabel: `Forget “${session.title}”` });
    return element("li", {}, open, drop);
  });
  // Whoever is in the list stays there.
  const focused = [...byId("sessions").querySelectorAll("button")].indexOf(document.activeElement);
  byId("sessions").replaceChildren(...rows);
  if (focused >= 0) byId("sessions").querySelectorAll("button")[focused]?.focus();
  byId("forget").hidden = !known.length;
}

function remember(session) {
  try {
    if (session) sessionStorage.setItem("stagecoach.current", session);
    else sessionStorage.removeItem("stagecoach.current");
  } catch {
    // Then a reload begins anew.
  }
}

function remembered() {
  try {
    return sessionStorage.getItem("stagecoach.current");
  } catch {
    return null; // Where a browser keeps nothing for this page.
  }
}

/** Shows a conversation; the one before stays connected while it waits for an answer. */
function show(chat) {
  const before = current;
  current = chat;
  if (before && before !== chat && !before.waiting.length) before.leave();
  log.replaceChildren(chat.element);
  const index = pipelines.findIndex((pipeline) => pipeline.path === chat.path);
  if (index >= 0) choice.selectedIndex = index;
  remember(chat.id);
  if (chat.state) tell(...chat.state);
  else chat.connect();
  chat.isFollowed = true;
  chat.follow();
  update();
}

function start(path = pipelines[Math.max(0, choice.selectedIndex)].path) {
  show(new Chat({ path }));
}

function choose(session) {
  if (session.id !== current.id) {
    const chat = chats.get(session.id) ?? new Chat(session);
    show(chat);
    chat.recall();
  }
  toggleList(false);
  if (document.activeElement !== token) prompt.focus();
}

/** Lets go of what this tab has of a session, or of all of them. */
function letGo(id) {
  for (const chat of new Set([...chats.values(), current])) {
    if (id && chat.id !== id) continue;
    chat.forget();
    if (chat === current) start();
  }
}

function forget(session) {
  letGo(session.id);
  sessions.forget(session.id);
  list();
  byId("new").focus();
}

function toggleList(isShown) {
  byId("list").classList.toggle("shown", isShown);
  byId("list-toggle").setAttribute("aria-expanded", String(isShown));
}

function send(text) {
  if (!text.trim()) return;
  if (needsToken && !token.value) return void token.focus();
  current.ask(text);
  prompt.value = "";
  prompt.focus();
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  send(prompt.value);
});
prompt.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send(prompt.value);
  }
});
addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.isComposing) return;
  if (byId("list").classList.contains("shown")) {
    toggleList(false);
    byId("list-toggle").focus();
  } else current.stop();
});
byId("stop").addEventListener("click", () => {
  current.stop();
  prompt.focus();
});
function enter() {
  const { connection } = current;
  // Enter is a change and a submission.
  if (!token.value || connection.token === token.value && ["connecting", "open"].includes(connection.state)) return;
  for (const chat of chats.values()) if (chat !== current) chat.leave();
  // A session is its first user's; one in which nothing was said is not missed.
  if (!current.entries.length) Object.assign(connection, { session: undefined, seq: 0 });
  current.connect();
  current.recall();
}

byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  enter();
});
token.addEventListener("change", enter);
byId("new").addEventListener("click", () => {
  start();
  toggleList(false);
  prompt.focus();
});
byId("forget").addEventListener("click", () => {
  if (!confirm("Forget all conversations in this browser? What the host has stored stays there.")) return;
  letGo();
  for (const session of sessions.list()) sessions.forget(session.id);
  list();
});
byId("list-toggle").addEventListener("click", () => toggleList(!byId("list").classList.contains("shown")));
byId("latest").addEventListener("click", () => {
  current.isFollowed = true;
  current.follow();
  prompt.focus();
});
let top = 0;
log.addEventListener("scroll", () => {
  // Who scrolls up reads there; what grows below does not count.
  if (log.scrollHeight - log.scrollTop - log.clientHeight < 60) current.isFollowed = true;
  else if (log.scrollTop < top - 5) current.isFollowed = false;
  top = log.scrollTop;
  byId("latest").hidden = current.isFollowed;
}, { passive: true });
choice.addEventListener("change", () => start());
for (const suggestion of byId("try").querySelectorAll("button")) {
  suggestion.addEventListener("click", () => send(suggestion.textContent));
}
addEventListener("pagehide", () => {
  for (const chat of chats.values()) chat.keep();
});

for (const pipeline of pipelines) choice.add(new Option(pipeline.name));
byId("pipeline-label").hidden = pipelines.length < 2;
byId("token-form").hidden = !needsToken;
byId("pages").hidden = !given("has-console");
sessions.watch(list, (id) => {
  letGo(id);
  // This tab may have kept it just before it heard.
  if (id) sessions.drop(id);
  list();
});

// A reload goes on with the conversation of its tab.
const last = remembered();
const known = sessions.list().find((session) => session.id === last && pipelines.some((one) => one.path === session.path));
if (known) {
  show(new Chat(known, true));
  current.recall();
} else start();
(needsToken ? token : prompt).focus();
