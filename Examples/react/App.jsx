import React, { useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import { post } from "./post.js";
import { useStagecoach } from "./useStagecoach.js";

const HOST = "localhost:8080";

function Conversation({ host }) {
  const { messages, state, ask, stop } = useStagecoach(`ws://${host}/ws`);

  function send(event) {
    event.preventDefault();
    const text = event.target.prompt.value.trim();
    if (text) ask(text);
    event.target.reset();
  }

  return (
    <section aria-label="Conversation">
      <ol>
        {messages.map(({ id, prompt, answer, status, error }) => (
          <li key={id} className={status} aria-busy={status === "waiting"}>
            <p className="prompt">{prompt}</p>
            <p className="answer">{answer || (status === "waiting" ? "…" : "")}</p>
            {error && <p role="alert">{error.code === "cancelled" ? "Stopped." : error.message}</p>}
            {status === "waiting" && <button onClick={() => stop(id)}>Stop</button>}
          </li>
        ))}
      </ol>
      <form onSubmit={send}>
        <label>Your message <input name="prompt" autoComplete="off" /></label>
        <button>Send</button>
        <span role="status">{state}</span>
      </form>
    </section>
  );
}

function Question({ host }) {
  const [answer, setAnswer] = useState("");
  const session = useRef();

  async function send(event) {
    event.preventDefault();
    setAnswer("");
    try {
      const options = { session: session.current, show: (piece) => setAnswer((before) => before + piece) };
      const last = await post(`http://${host}/ws`, event.target.question.value, options);
      session.current = last.session_id;
      setAnswer(last.response);
    } catch (error) {
      setAnswer(error.message);
    }
  }

  return (
    <form onSubmit={send} aria-label="One question by POST">
      <label>One question by POST <input name="question" autoComplete="off" /></label>
      <button>Ask</button>
      <output>{answer}</output>
    </form>
  );
}

const host = new URLSearchParams(location.search).get("host") ?? HOST;
createRoot(document.getElementById("root")).render(<><Conversation host={host} /><Question host={host} /></>);
