// What is said: answers to what somebody did at once, and seen too; what happens by itself to screen readers alone, in one
// sentence at most every ten seconds.

import { plural } from "../format.js";
import { html } from "../lit.js";
import { update } from "../update.js";

const EVERY_MS = 10_000;
const ENDS = ["completed", "failed"];
let said = "";
let aloud = false;
let seen = {};
let timer = 0;

/** Says it now, on the page and to screen readers. */
export function announce(sentence) {
  [said, aloud] = [sentence, false];
  clearTimeout(timer);
  timer = setTimeout(hush, EVERY_MS);
  update();
}

/** Counts an event that is worth a word. */
export function notice(event) {
  if (event.kind !== "status" || !ENDS.includes(event.status)) return;
  seen[event.status] = (seen[event.status] ?? 0) + 1;
  if (!timer) timer = setTimeout(hush, EVERY_MS);
}

/** The sentence that is said; the region is always there, or it would not be read. */
export function announcement() {
  return html`<div class=${aloud ? "hidden" : "announcement"} role="status" aria-live="polite"><p>${said}</p></div>`;
}

function hush() {
  const counts = ENDS.filter((each) => seen[each]).map((each) => `${plural(seen[each], "task")} ${each}`);
  aloud = true;
  said = counts.length ? `${counts.join(", ")}.` : "";
  seen = {};
  timer = said ? setTimeout(hush, EVERY_MS) : 0;
  update();
}
