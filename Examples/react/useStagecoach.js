import { useCallback, useEffect, useRef, useState } from "react";

/**
 * A conversation with a pipeline: `const { messages, state, ask, stop } = useStagecoach("ws://localhost:8080/ws")`.
 *
 * A message is `{id, prompt, answer, status, error}`. Its status is "waiting", "done" or "failed"; `answer` grows while it
 * waits, and stays if it fails. `state` is "connecting", "open" or "lost" (it tries again), or why the host closed the
 * connection for good. After a loss nothing is missing, and nothing is asked twice.
 */
export function useStagecoach(url, { key } = {}) {
  const [messages, setMessages] = useState([]);
  const [state, setState] = useState("connecting");
  const link = useRef({ unanswered: new Map(), stopped: new Set(), seq: 0 }).current;
  const change = (id, update) => setMessages((all) => all.map((one) => (one.id === id ? { ...one, ...update(one) } : one)));
  const end = (id, result) => link.unanswered.delete(id) && change(id, () => result);
  const fail = (ids, error) => [...ids].forEach((id) => end(id, { error, status: "failed" }));
  const send = (frame) => link.socket.send(JSON.stringify(frame));
  useEffect(() => {
    let timer, delay = 500, hasLeft = false;
    if (link.url !== url) fail(link.unanswered.keys(), { message: "The conversation has ended." });
    if (link.url !== url) Object.assign(link, { url, session: null, seq: 0 });

    function connect() {
      const address = new URL(url);
      address.search = "?format=json" + (link.session ? "&session=" + encodeURIComponent(link.session) : "");
      if (link.seq) address.searchParams.set("after", link.seq);
      const socket = (link.socket = new WebSocket(address)); // A browser can't set Authorization for it.
      socket.onopen = () => key && send({ type: "auth", token: key });
      socket.onmessage = (event) => hasLeft || receive(JSON.parse(event.data));
      socket.onclose = (event) => {
        if (hasLeft) return;
        link.isOpen = false;
        fail(link.stopped, { code: "cancelled" });
        if (event.code === 1008) return setState(event.reason);
        if (event.code === 1009) fail(link.unanswered.keys(), { message: event.reason }); // It would close the next one, too.
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
        for (const id of link.stopped) link.stopped.delete(id) && send({ type: "cancel", id });
        // Under the same id the host works on it once, and gives the answer that it had or will get.
        for (const [id, prompt] of link.unanswered) {
          if (!frame.resumed) change(id, () => ({ answer: "" }));
          send({ id, prompt });
        }
      } else if (frame.seq > link.seq) {
        link.seq = frame.seq;
        if (frame.type === "delta" && link.unanswered.has(frame.id)) change(frame.id, (one) => ({ answer: one.answer + frame.text }));
        if (frame.type === "response") end(frame.id, { answer: frame.response, status: "done" });
        if (frame.type === "error") end(frame.id, { error: frame.error, status: "failed" });
      }
    }

    connect();
    return () => {
      [hasLeft, link.isOpen] = [true, false];
      clearTimeout(timer), link.socket.close();
    };
  }, [url, key]);

  const ask = useCallback((prompt) => {
    const id = crypto.getRandomValues(new Uint32Array(4)).join("-");
    link.unanswered.set(id, prompt);
    setMessages((all) => [...all, { id, prompt, answer: "", status: "waiting" }]);
    if (link.isOpen) send({ id, prompt });
    return id;
  }, []);
  const stop = useCallback((id) => {
    link.stopped.add(id);
    link.isOpen ? send({ type: "cancel", id }) : fail([id], { code: "cancelled" });
  }, []);
  return { messages, state, ask, stop };
}
