// A task's status: word, shape and colour, and what follows from it; and how far a task is.

import { count, decimal } from "../format.js";
import { html, nothing, svg } from "../lit.js";
import { drawn } from "./icons.js";

/** In the order of a task's life. `tone`: its colour; `waits`, `ends`: as in the API's words; `can`: what its owner can do. */
const FACTS = {
  pending: {
    tone: "wait", waits: true, can: ["cancel"],
    shape: svg`<circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" stroke-width="1.6" stroke-dasharray="2.4 2"/>`,
  },
  scheduled: {
    tone: "wait", waits: true, can: ["cancel"],
    shape: svg`<circle cx="8" cy="8" r="5.8" fill="none" stroke="currentColor" stroke-width="1.6"/><path d="M8 4.8V8l2.2 1.6" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round"/>`,
  },
  processing: {
    tone: "accent", can: ["stop"],
    shape: svg`<circle cx="8" cy="8" r="5.8" fill="none" stroke="currentColor" stroke-width="1.6"/><path d="M8 4.6a3.4 3.4 0 0 1 0 6.8z" fill="currentColor"/>`,
  },
  completed: {
    tone: "good", ends: true, can: ["delete"],
    shape: svg`<circle cx="8" cy="8" r="6.6" fill="currentColor"/><path d="m5.2 8.2 2 2 3.7-4.2" fill="none" stroke="var(--surface)" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round"/>`,
  },
  failed: {
    tone: "bad", ends: true, can: ["retry", "delete"],
    shape: svg`<path d="M5.1 1.6h5.8l3.5 3.5v5.8l-3.5 3.5H5.1l-3.5-3.5V5.1z" fill="currentColor"/><path d="m5.8 5.8 4.4 4.4m0-4.4-4.4 4.4" stroke="var(--surface)" stroke-width="1.7" stroke-linecap="round"/>`,
  },
  cancelled: {
    tone: "off", ends: true, can: ["delete"],
    shape: svg`<circle cx="8" cy="8" r="5.8" fill="none" stroke="currentColor" stroke-width="1.6"/><path d="m4 12 8-8" stroke="currentColor" stroke-width="1.6"/>`,
  },
};
export const STATUSES = Object.keys(FACTS);
export const ENDED = STATUSES.filter((word) => FACTS[word].ends);

/** Whether it has not started yet. */
export function waits(word) {
  return Boolean(FACTS[word]?.waits);
}

/** Whether nothing follows, unless somebody retries it. */
export function ended(word) {
  return ENDED.includes(word);
}

/** What can be done to tasks in it: cancel, stop, retry, delete. */
export function can(word) {
  return FACTS[word]?.can ?? [];
}

/** The name of its colour: accent, wait, good, bad, off. */
export function tone(word) {
  return FACTS[word]?.tone ?? "off";
}

export function status(word) {
  return html`<span class="status is-${tone(word)}">${drawn(FACTS[word]?.shape)}<span>${word}</span></span>`;
}

/** The bar of a running task, with its stage and percent in words. */
export function progress(task) {
  if (task.status !== "processing") return nothing;
  if (!task.progress) return html`<span class="muted">running</span>`;
  const { percent, stage } = task.progress;
  return html`<span class="progress">
    <progress max="100" .value=${percent} aria-label="Progress of ${task.type}"></progress>
    <span>${count(Math.floor(percent))} % ${stage}</span>
  </span>`;
}

/** A bar of `value` of `most`, with the words that say the same. */
export function meter(value, most, words, label) {
  return html`<span class="meter">
    <progress max=${most} .value=${Math.min(value, most)} aria-label=${label}></progress><span>${words}</span>
  </span>`;
}

/** "0.3 of 4". */
export function outOf(value, most) {
  return `${decimal(value)} of ${count(most)}`;
}
