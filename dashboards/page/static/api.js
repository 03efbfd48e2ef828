// What is asked of the server: a few questions at a time, in the order in which they came; any may be withdrawn.

const AT_ONCE = 4;
const waiting = [];
let running = 0;
let lost = false;
let told = () => {};

/** The server cannot answer; the text is for people. */
export class AskError extends Error {}

/** Have `listener(true)` called when the server does not answer any more, and `listener(false)` when it does again. */
export function onConnection(listener) {
  told = listener;
}

function connection(away) {
  if (away !== lost) told((lost = away));
}

async function asked(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name !== "AbortError") connection(true);
    throw error.name === "AbortError" ? error : new AskError("Gigawatt does not answer");
  }
  connection(false);
  let answer;
  try {
    answer = await response.json();
  } catch (error) {
    throw error.name === "AbortError" ? error : new AskError(`the answer cannot be read (status ${response.status})`);
  }
  if (!response.ok) throw new AskError(answer.error ?? `status ${response.status}`);
  return answer;
}

export const get = path => asked(path, { headers: { Accept: "application/json" } });

/** Ask for a panel, a variable or an annotation; gives `{interval_ms, frames}`. */
export async function query(question, signal) {
  await turn(signal);
  try {
    return await asked("/api/query", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(question),
      signal,
    });
  } finally {
    running -= 1;
    next();
  }
}

function turn(signal) {
  return new Promise((resolve, reject) => {
    const entry = { resolve, left: () => (waiting.splice(waiting.indexOf(entry), 1), reject(signal.reason)), signal };
    if (signal?.aborted) return reject(signal.reason);
    signal?.addEventListener("abort", entry.left, { once: true });
    waiting.push(entry);
    next();
  });
}

function next() {
  while (running < AT_ONCE && waiting.length) {
    const entry = waiting.shift();
    entry.signal?.removeEventListener("abort", entry.left);
    running += 1;
    entry.resolve();
  }
}
