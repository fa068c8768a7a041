/**
 * One question by POST, with the answer in pieces: `EventSource` can't POST, `fetch` can.
 *
 * @param show gets each piece
 * @returns the last frame: the whole answer, with `session_id` for the next question
 */
export async function post(url, prompt, { show, session, key, signal } = {}) {
  const headers = { Accept: "text/event-stream", "Content-Type": "application/json" };
  if (key) headers.Authorization = `Bearer ${key}`;
  const address = session ? `${url}?session=${session}` : url;
  const answer = await fetch(address, { method: "POST", headers, body: JSON.stringify({ prompt }), signal });
  if (!answer.ok) {
    const text = await answer.text();
    throw new Error(answer.headers.get("Content-Type") === "application/json" ? JSON.parse(text).error.message : text);
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error("the answer broke off");
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events.filter((event) => event.startsWith("data: "))) {
      const frame = JSON.parse(event.slice("data: ".length));
      if (frame.type === "delta") show?.(frame.text);
      if (frame.type === "error") throw new Error(frame.error.message);
      if (frame.type === "response") return frame;
    }
  }
}
