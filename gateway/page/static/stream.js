// What happens, while it happens: one stream of server-sent events, read with fetch because it needs a header.

import { address, whenUnauthorized } from "./api.js";
import { getKey } from "./key.js";
import { update } from "./update.js";

/** The server says something every 15 s; without a byte for so long it counts as late. */
const LATE_MS = 30_000;
const LONGEST_PAUSE_MS = 30_000;
/** A stream that ends sooner counts as one more failure, or it would be asked for every second. */
const STEADY_MS = 10_000;

/** state: connecting, live, late, lost, paused; `heard`: when the last byte came; `retryAt`: the next try. */
export const connection = { state: "connecting", heard: 0, retryAt: 0 };

const listeners = { event: () => {}, gap: () => {}, refused: () => {} };
let running = null;
let lastId = "";
let failures = 0;
/** When the present try began, and when it was answered (0: not yet). */
let asked = 0;
let begun = 0;
let timer = 0;

/** `event({kind, ...fields})` for each event, `gap()` when some are missing: read what is shown again. */
export function listen({ event, gap }) {
  Object.assign(listeners, { event, gap });
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("online", () => connection.state === "lost" && reopen());
  addEventListener("offline", () => connection.state === "live" && fail());
  setInterval(look, 1000);
}

/** Connects, unless it was paused. */
export function open() {
  if (connection.state === "paused" || running || !getKey()) return;
  clearTimeout(timer);
  [asked, begun] = [Date.now(), 0];
  read((running = new AbortController())).catch(() => {});
}

/** Connects anew, also while a try hangs in a network that is no more. */
function reopen() {
  close();
  open();
}

/** Stops listening; the next `open` resumes. */
export function close() {
  clearTimeout(timer);
  running?.abort();
  running = null;
}

export function pause() {
  close();
  connection.state = "paused";
  update();
}

export function resume() {
  connection.state = "connecting";
  open();
}

async function read(controller) {
  try {
    const headers = { Authorization: `Bearer ${getKey()}`, ...(lastId && { "Last-Event-ID": lastId }) };
    const response = await fetch(address("/api/events"), { headers, signal: controller.signal, cache: "no-store" });
    if (response.status === 401) return close();
    if (!response.ok) throw new Error(`${response.status}`);
    begin();
    let rest = "";
    for await (const text of chunks(response)) {
      connection.heard = Date.now();
      const frames = (rest + text).split("\n\n");
      rest = frames.pop();
      frames.forEach(take);
      update();
    }
    throw new Error("ended");
  } catch (error) {
    if (!controller.signal.aborted) fail();
  }
}

async function* chunks(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
}

function begin() {
  const missed = connection.state === "lost" || !lastId;
  [connection.state, connection.heard, begun] = ["live", Date.now(), Date.now()];
  if (missed) listeners.gap(); // replay alone is not trusted
  update();
}

function fail() {
  close();
  if (begun && Date.now() - begun > STEADY_MS) failures = 0;
  failures += 1;
  const pauseMs = Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** (failures - 1)) * (0.75 + Math.random() / 2);
  [connection.state, connection.retryAt] = ["lost", Date.now() + pauseMs];
  timer = setTimeout(open, pauseMs);
  update();
}

function take(frame) {
  const fields = Object.fromEntries(frame.split("\n").map((line) => [line.split(":", 1)[0], line.replace(/^\w*: ?/, "")]));
  if (fields.id) lastId = fields.id;
  if (!fields.event || !fields.data) return;
  if (fields.event === "reset") listeners.gap();
  else if (!["snapshot", "stopped", "cut_off"].includes(fields.event)) {
    listeners.event({ kind: fields.event, ...JSON.parse(fields.data) });
  }
}

function look() {
  if (running && !begun && Date.now() - asked > LATE_MS) fail();
  if (connection.state === "live" && Date.now() - connection.heard > LATE_MS) connection.state = "late";
  else if (connection.state === "late" && Date.now() - connection.heard < LATE_MS) connection.state = "live";
  if (connection.state === "late" && Date.now() - connection.heard > 2 * LATE_MS) fail();
  if (!document.hidden) update();
}
