// The conversations that this browser has had: a list, and what was said in each.
//
// Each has a key of its own. What two tabs share, the list and a conversation that both show, is read before it is written.
const LIST = "stagecoach.sessions", ONE = "stagecoach.session.", FORGOTTEN = "stagecoach.forgotten";
const SESSIONS = 50; // in the list
const LENGTH = 200_000; // characters of one session
const SKEW = 60_000; // milliseconds that the clocks of host and browser may differ

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
      drop(oldest.id);
    }
  }
}

/** What there is, the latest first: `{id, title, path, time}`. */
export function list() {
  const sessions = read(LIST);
  return Array.isArray(sessions) ? sessions.filter((session) => session?.id && session.path) : [];
}

/** Forgets a session in all tabs: what they still have of it is not kept. */
export function forget(id) {
  drop(id);
  try {
    localStorage.setItem(FORGOTTEN, id);
    localStorage.removeItem(FORGOTTEN);
  } catch {
    // Then no tab has kept it.
  }
}

/** Removes a session from what is kept. */
export function drop(id) {
  try {
    localStorage.removeItem(ONE + id);
    localStorage.setItem(LIST, JSON.stringify(list().filter((session) => session.id !== id)));
  } catch {
    // A browser that keeps nothing has nothing to forget.
  }
}

/** All that two tabs have of one session. Of what both have, `ours` counts, unless only `theirs` has its end. */
export function combine(ours, theirs) {
  const all = new Map(ours.map((entry) => [entry.id, entry]));
  const rows = new Set(ours.map((entry) => entry.messageID).filter(Boolean));
  for (const entry of theirs) {
    const own = all.get(entry.id);
    if (own ? own.state === "waiting" && entry.state !== "waiting" : !rows.has(entry.messageID)) all.set(entry.id, entry);
  }
  return [...all.values()].sort((a, b) => a.time - b.time);
}

/**
 * Keeps a session as it is: `{id, title, path, time, seq, entries}`, and what another tab has added to it. Of a long one the end is
 * kept.
 *
 * @param isBehind whether another tab may have the connection: then what that tab has kept counts
 */
export function keep({ id, title, path, time, seq, entries }, isBehind) {
  const stored = load(id);
  if (isBehind && stored.entries.length) {
    seq = stored.seq;
    entries = combine(stored.entries, entries);
  } else entries = combine(entries, stored.entries);
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
  for (const session of others.splice(SESSIONS - 1)) drop(session.id);
  write(LIST, [{ id, title, path, time }, ...others].sort((a, b) => b.time - a.time));
}

/** What was said in a session, and the number of the last frame that was seen. */
export function load(id) {
  const session = read(ONE + id);
  return { seq: session?.seq ?? 0, entries: Array.isArray(session?.entries) ? session.entries : [] };
}

/** Calls when another tab has changed the list, and with the session that it has forgotten, or nothing for all of them. */
export function watch(changed, forgotten) {
  addEventListener("storage", (event) => {
    if (event.key === null || event.key === FORGOTTEN && event.newValue) forgotten(event.newValue);
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

/**
 * What is stored at the host, with what only this browser knows: messages that wait or have failed.
 *
 * @param lapsed ids of messages whose answers no longer come by the connection; their rows are found by prompt and time
 */
export function merge(entries, rows, lapsed = []) {
  const left = entries.filter((entry) => entry.state === "waiting" && lapsed.includes(entry.id));
  const byRow = new Map(entries.filter((entry) => entry.messageID).map((entry) => [entry.messageID, entry]));
  const broken = entries.filter((entry) => entry.state === "broken" || entry.state === "waiting");
  const stored = [], found = new Set();
  for (const row of rows) {
    let known = byRow.get(row.id);
    const time = Date.parse(row.created_at) || 0;
    if (!known || known.id === row.id) {
      const index = left.findIndex((entry) => entry.prompt === row.prompt && time >= entry.time - SKEW);
      if (index >= 0) {
        [known] = left.splice(index, 1);
        found.add(known);
      }
    }
    // The error of a message that broke off has no id; its row has what had come of the answer.
    if (!known && row.metadata?.partial && broken.some((entry) => entry.prompt === row.prompt)) continue;
    byRow.delete(row.id);
    stored.push({
      id: known?.id ?? row.id, messageID: row.id, prompt: row.prompt, answer: row.response,
      state: row.metadata?.partial ? "broken" : "done", time,
    });
  }
  const own = entries.filter((entry) => !found.has(entry) && (!entry.messageID || byRow.has(entry.messageID)));
  return [...stored, ...own].sort((a, b) => a.time - b.time);
}
