// One session over a WebSocket. After a loss it comes back to where it was (`session`, `after`), and sends what has no answer
// again under the same id: the host works on it once.

/** States: connecting, open, lost (it tries again), idle (it connects when asked), refused and elsewhere (somebody must act). */
export class Connection {
  /**
   * @param at `{path, session, seq, token, needsToken}`
   * @param on `state(name, text)`, `session(id)`, `again(id)` for a message that is asked anew, `gap()` where pieces are missing,
   *   `lapsed(ids)` for messages of an earlier page that the host's session no longer has, and `frame(frame)`
   */
  constructor(at, on) {
    Object.assign(this, at, { on, seq: at.seq ?? 0, unanswered: new Map(), loaded: new Set(), cancelled: new Set(), delay: 500, failures: 0 });
    this.online = () => this.state === "lost" && this.connect();
    addEventListener("online", this.online);
  }

  say(state, text = "") {
    this.state = state;
    this.on.state(state, text);
  }

  connect() {
    clearTimeout(this.timer);
    const url = new URL(this.path, location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("format", "json");
    if (this.session) {
      url.searchParams.set("session", this.session);
      if (this.seq) url.searchParams.set("after", this.seq);
    }
    const before = this.socket;
    const socket = (this.socket = new WebSocket(url));
    before?.close();
    this.isGreeted = false;
    this.say("connecting");
    socket.onopen = () => {
      if (this.needsToken) socket.send(JSON.stringify({ type: "auth", token: this.token }));
    };
    socket.onmessage = (event) => socket === this.socket && this.receive(JSON.parse(event.data));
    socket.onclose = (event) => socket === this.socket && this.lost(event);
  }

  receive(frame) {
    if (frame.type === "session") return this.greet(frame);
    // What a resumed session says again has been seen.
    if (frame.seq && frame.seq <= this.seq) return;
    // The host keeps the last megabyte of what a session missed.
    if (frame.seq > this.seq + 1) this.on.gap();
    if (frame.seq) this.seq = frame.seq;
    const isEnd = frame.type === "response" || frame.type === "error";
    if (isEnd) this.cancelled.delete(frame.id);
    if (!this.unanswered.has(frame.id)) return;
    if (isEnd) this.unanswered.delete(frame.id);
    this.on.frame(frame);
  }

  greet(frame) {
    this.session = frame.session_id;
    if (!frame.resumed) this.seq = frame.seq ?? 0;
    Object.assign(this, { isGreeted: true, delay: 500, failures: 0 });
    this.on.session(this.session);
    this.say("open");
    for (const id of this.cancelled) this.write({ type: "cancel", id });
    this.cancelled.clear();
    const lapsed = [];
    for (const [id, prompt] of this.unanswered) {
      if (!frame.resumed && this.loaded.has(id)) {
        lapsed.push(id);
        continue;
      }
      if (!frame.resumed) this.on.again(id);
      this.write({ prompt, id });
    }
    this.loaded.clear();
    for (const id of lapsed) this.unanswered.delete(id);
    if (lapsed.length) this.on.lapsed(lapsed);
  }

  write(frame) {
    this.socket.send(JSON.stringify(frame));
  }

  ask(id, prompt) {
    this.unanswered.set(id, prompt);
    if (this.isGreeted) this.write({ prompt, id });
    else if (this.state === "idle") this.connect();
  }

  /** Takes over a message that an earlier page has sent. */
  load(id, prompt) {
    this.unanswered.set(id, prompt);
    this.loaded.add(id);
  }

  /** Stops a message: `frame` gets its end, from the host, or at once where there is no connection. */
  cancel(id) {
    this.cancelled.add(id);
    if (this.isGreeted) this.write({ type: "cancel", id });
    else this.stopped(id);
  }

  /** Nobody waits for it any more; the host is told when there is a connection. */
  stopped(id) {
    if (this.unanswered.delete(id)) this.on.frame({ type: "error", id, error: { code: "cancelled", message: "Stopped" } });
  }

  async lost(event) {
    const wasGreeted = this.isGreeted;
    this.isGreeted = false;
    // Whether these reached the host is not known: none is sent again.
    for (const id of [...this.cancelled]) this.stopped(id);
    if (event.code === 1009) this.refuse(event.reason);
    if (event.code === 1008) return this.say(wasGreeted ? "elsewhere" : "refused", event.reason);
    if (event.code === 1000 && !this.unanswered.size) return this.say("idle");
    this.failures += 1;
    this.timer = setTimeout(() => this.connect(), this.delay * (0.75 + Math.random() / 2));
    this.delay = Math.min(this.delay * 2, 8000);
    this.say("lost", event.reason);
    // A browser does not say why a host refuses a WebSocket; the same request without one does.
    if (wasGreeted || this.failures < 2) return;
    const answer = await fetch(this.path).catch(() => null);
    if (answer && [401, 403, 503].includes(answer.status) && this.state === "lost" && !this.needsToken) {
      this.say("lost", (await answer.text()).trim().slice(0, 500));
    }
  }

  /** The host takes nothing so long: the longest message would only be refused again. */
  refuse(reason) {
    const [longest] = [...this.unanswered].sort((a, b) => b[1].length - a[1].length);
    if (!longest) return;
    this.unanswered.delete(longest[0]);
    const message = `The message is longer than the host takes${reason ? `: ${reason}` : ""}`;
    this.on.frame({ type: "error", id: longest[0], error: { code: "too_long", message } });
  }

  close() {
    clearTimeout(this.timer);
    removeEventListener("online", this.online);
    const socket = this.socket;
    this.socket = null;
    this.isGreeted = false;
    socket?.close(1000);
  }
}
