// One message of a conversation, with its answer.
import { announce, button, copy, element } from "./dom.js";
import { Rendering } from "./markdown.js";

// What to do about an error, for whoever sees it. The host's own text stands before it.
const ADVICE = {
  model_key_missing: "Whoever runs this host sets the model's key (for OpenAI: OPENAI_API_KEY, in the environment or in .env) and starts it again.",
  model_unauthorized: "The model's API does not accept the host's key. Whoever runs the host sets a valid one.",
  model_rate_limited: "The model's API is asked too often. Try again in a moment.",
  model_timeout: "Try again, or ask for a shorter answer. The pipeline file can give the model more time: complete: {timeout: …}.",
  model_unavailable: "Try again. If it stays so, “stagecoach doctor” on the host says what can't be reached.",
  model_bad_response: "Try again, or ask in other words. The host's log has the details.",
  model_filtered: "Ask in other words: the model's provider keeps this answer back.",
  database_unavailable: "Try again in a moment. “/readyz” on the host says which database is missing.",
  too_long: "Shorten the message and send it again.",
  invalid_message: "Change the message and send it again.",
  budget_spent: "Wait until there is a new budget, or ask whoever runs the host for more.",
  rate_limited: "Wait a moment and try again.",
  busy: "The host has more to do than it can take. Try again in a moment.",
  timeout: "Try again. The stage took longer than the pipeline file lets it.",
  page_closed: "Try again. If the host has answered it in the meantime, it is asked a second time.",
  stopping: "The host stops. Try again when it is back.",
};
const EDITED = ["too_long", "invalid_message", "model_filtered"];

function advice(error) {
  const seconds = error.retry_after;
  if (seconds) return `Try again in ${seconds < 120 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`}.`;
  return ADVICE[error.code] ?? (error.retryable ? "Try again." : "The host's log says more, under this session.");
}

/** A message and its answer, as they are seen; `chat` is asked again, edits and follows. */
export class Exchange {
  constructor(chat, entry) {
    Object.assign(this, { chat, entry });
    this.answer = element("div", { className: "answer waiting" });
    this.tools = element("div", { className: "tools" });
    const asked = element("div", { className: "prompt", dir: "auto", textContent: entry.prompt });
    this.element = element("article", {}, element("h2", { className: "visually-hidden", textContent: "Message and answer" }), asked, this.answer, this.tools);
    this.rendering = new Rendering(this.answer, () => chat.follow());
    if (entry.answer) this.rendering.add(entry.answer);
    if (entry.state !== "waiting") this.settle(false);
    else this.answer.setAttribute("aria-busy", "true");
  }

  add(text) {
    if (this.isAskedAgain) {
      this.rendering.reset();
      this.entry.answer = "";
      this.isAskedAgain = false;
      this.note("");
    }
    this.entry.answer = (this.entry.answer ?? "") + text;
    this.rendering.add(text);
  }

  note(text) {
    this.tools.replaceChildren(...(text ? [element("span", { textContent: text })] : []));
  }

  /** Shows how it has ended: `done`, `broken` with what had come, or `failed` with nothing. */
  async settle(isNew = true) {
    const { entry, answer } = this;
    const ended = this.rendering.end(entry.answer ?? "");
    if (entry.state === "failed" && !entry.answer) answer.remove();
    await ended;
    answer.classList.remove("waiting");
    answer.removeAttribute("aria-busy");
    answer.classList.toggle("broken", entry.state === "broken");
    this.tools.replaceChildren();
    if (entry.answer) {
      this.tools.append(button("Copy", (pressed) => copy(entry.answer, pressed), { ariaLabel: "Copy the answer" }));
    }
    if (entry.isCut) this.tools.append(element("span", { textContent: "Only its beginning is kept in this browser." }));
    if (entry.state === "done") {
      if (entry.finish === "length") this.tools.append(element("span", { textContent: "The model stopped at its longest answer." }));
      if (isNew) announce("Answer: " + entry.answer.slice(0, 500));
    } else this.complain(isNew);
    this.chat.follow();
  }

  complain(isNew) {
    const { error } = this.entry;
    const start = this.entry.state === "broken" ? "Broken off: " : "";
    if (error?.code === "cancelled") {
      const text = this.entry.answer ? "Stopped. This is what had come." : "Stopped before an answer came.";
      this.tools.append(element("span", { className: "stopped", textContent: text }));
      if (isNew) announce(text);
    } else {
      const text = error ? `${start}${error.message}` : `${start}this is what the host has stored of the answer.`;
      const box = element("div", { className: "error" }, element("p", { textContent: text }));
      if (error) box.append(element("p", { textContent: advice(error) }));
      if (EDITED.includes(error?.code)) box.append(button("Edit the message", () => this.chat.edit(this.entry.prompt)));
      else box.append(button("Try again", () => this.chat.ask(this.entry.prompt)));
      this.tools.before(box);
      if (isNew) announce(error ? `${text}. ${advice(error)}` : text);
    }
  }
}
