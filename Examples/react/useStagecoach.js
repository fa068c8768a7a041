import { useCallback, useEffect, useRef, useState } from "react";

/**
 * A conversation with a pipeline: `const { messages, state, ask, stop } = useStagecoach("ws://localhost:8080/ws")`.
 *
 * A message is `{id, prompt, answer, status, error}`. Its status is "waiting", "done" or "failed"; `answer` grows while it
 * waits, and what had come of it stays if it fails. `state` is "connecting", "open" or "lost" (it tries again), or why the
 * host closed the connection for good. After a loss nothing is missing, and nothing is asked twice.
 */
export function useStagecoach(url, { key } = {}) {
  const [messages, setMessages] = useState([]);
  const [state, setState] = useState("connecting");
  const link = useRef({ unanswered: new Map(), seq: 0 }).current;
  const change = (id, update) => setMessages((all) => all.map((one) => (one.id === id ? { ...one, ...update(one) } : one)));
  useEffect(() => {
    let timer, delay = 500, hasLeft = false;
    if (link.url !== url) Object.assign(link, { url, session: null, seq: 0 });

    function connect() {
      const address = new URL(url);
      address.search = "?format=json";
      if (link.session) address.searchParams.set("session", link.session);
      if (link.seq) address.searchParams.set("after", link.seq);
      // A browser can't set Authorization for a WebSocket; the host takes the key as a subprotocol, which no log shows.
      const socket = (link.socket = new WebSocket(address, key ? ["stagecoach", "bearer." + key] : []));
      socket.onmessage = (event) => receive(JSON.parse(event.data));
      socket.onclose = (event) => {
        if (hasLeft) return;
        link.isOpen = false;
        if (event.code === 1008) return setState(event.reason);
        // Too long: it would close the next connection, too.
        if (event.code === 1009) for (const id of link.unanswered.keys()) end(id, { error: { message: event.reason }, status: "failed" });
        setState("lost");
        timer = setTimeout(connect, delay);
        delay = Math.min(delay * 2, 8000);
      };
    }

    function receive(frame) {
      if (frame.type === "session") {
        [link.session, link.isOpen, delay] = [frame.session_id, true, 500];
        if (!frame.resumed) link.seq = frame.seq;
        setState("open");
        // Under the same id the host works on it once, and gives the answer that it had or will get.
        for (const [id, prompt] of link.unanswered) {
          if (!frame.resumed) change(id, () => ({ answer: "" }));
          link.socket.send(JSON.stringify({ id, prompt }));
        }
      } else if (frame.seq > link.seq) {
        link.seq = frame.seq;
        if (frame.type === "delta") change(frame.id, (one) => ({ answer: one.answer + frame.text }));
        if (frame.type === "response") end(frame.id, { answer: frame.response, status: "done" });
        if (frame.type === "error") end(frame.id, { error: frame.error, status: "failed" });
      }
    }

    function end(id, result) {
      link.unanswered.delete(id);
      change(id, () => result);
    }

    connect();
    return () => {
      clearTimeout(timer);
      [hasLeft, link.isOpen] = [true, false];
      link.socket.close();
    };
  }, [url, key]);

  const ask = useCallback((prompt) => {
    const id = crypto.randomUUID();
    link.unanswered.set(id, prompt);
    setMessages((all) => [...all, { id, prompt, answer: "", status: "waiting" }]);
    if (link.isOpen) link.socket.send(JSON.stringify({ id, prompt }));
    return id;
  }, []);
  const stop = useCallback((id) => link.isOpen && link.socket.send(JSON.stringify({ type: "cancel", id })), []);

  return { messages, state, ask, stop };
}
