// The conversations that this browser has had: a list, and what was said in each.
//
// Each has a key of its own, so that two tabs write over nothing of each other's but the list, which is read before it is
// written.
const LIST = "stagecoach.sessions", ONE = "stagecoach.session.";
const SESSIONS = 50; // in the list
const LENGTH = 200_000; // characters of one session

const read = (key) => {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
};

/** Writes; where there is no room the oldest conversations go. */
function write(key, value) {
  const text = JSON.stringify(value);
  for (let tries = 0; tries <= SESSIONS; tries++) {
    try {
      return localStorage.setItem(key, text);
    } catch {
      const oldest = list().findLast((session) => ONE + session.id !== key);
      if (!oldest) return;
      forget(oldest.id);
    }
  }
}

/** What there is, the latest first: `{id, title, path, time}`. */
export function list() {
  const sessions = read(LIST);
  return Array.isArray(sessions) ? sessions.filter((session) => session?.id && session.path) : [];
}

export function forget(id) {
  try {
    localStorage.removeItem(ONE + id);
    localStorage.setItem(LIST, JSON.stringify(list().filter((session) => session.id !== id)));
  } catch {
    // A browser that keeps nothing has nothing to forget.
  }
}

/** Keeps a session as it is: `{id, title, path, time, seq, entries}`. Of a long one the end is kept. */
export function keep({ id, title, path, time, seq, entries }) {
  let kept = entries, length = 0;
  for (let index = entries.length - 1; index >= 0; index--) {
    const entry = entries[index];
    length += entry.prompt.length + (entry.answer?.length ?? 0) + 200;
    if (length <= LENGTH) continue;
    kept = entries.slice(index + 1);
    if (!kept.length) kept = [{ ...entry, answer: entry.answer?.slice(0, LENGTH / 2), isCut: true }];
    break;
  }
  write(ONE + id, { seq, entries: kept });
  const others = list().filter((session) => session.id !== id);
  for (const session of others.splice(SESSIONS - 1)) forget(session.id);
  write(LIST, [{ id, title, path, time }, ...others].sort((a, b) => b.time - a.time));
}

/** What was said in a session, and the number of the last frame that was seen. */
export function load(id) {
  const session = read(ONE + id);
  return { seq: session?.seq ?? 0, entries: Array.isArray(session?.entries) ? session.entries : [] };
}

/** Calls when another tab has changed the list. */
export function watch(changed) {
  addEventListener("storage", (event) => {
    if (event.key === LIST || event.key === null) changed();
  });
}

/** The stored rows of a session, where the host shows them; `null` where it does not. */
export async function rows(id, token) {
  try {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const answer = await fetch(`sessions/${id}`, { headers });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

/** What is stored at the host, with what only this browser knows: messages that wait or have failed. */
export function merge(entries, rows) {
  const byRow = new Map(entries.filter((entry) => entry.messageID).map((entry) => [entry.messageID, entry]));
  const broken = entries.filter((entry) => entry.state === "broken" || entry.state === "waiting");
  const stored = [];
  for (const row of rows) {
    const known = byRow.get(row.id);
    // The error of a message that broke off has no id; its row has what had come of the answer.
    if (!known && row.metadata?.partial && broken.some((entry) => entry.prompt === row.prompt)) continue;
    byRow.delete(row.id);
    stored.push({
      id: known?.id ?? row.id, messageID: row.id, prompt: row.prompt, answer: row.response,
      state: row.metadata?.partial ? "broken" : "done", time: Date.parse(row.created_at) || 0,
    });
  }
  const own = entries.filter((entry) => !entry.messageID || byRow.has(entry.messageID));
  return [...stored, ...own].sort((a, b) => a.time - b.time);
}
