// A task's status: word, shape and colour; and how far it is.

import { count, decimal } from "../format.js";
import { html, nothing } from "../lit.js";
import { icon } from "./icons.js";

export const STATUSES = ["pending", "scheduled", "processing", "completed", "failed", "cancelled"];
export const ENDED = ["completed", "failed", "cancelled"];

export function status(word) {
  return html`<span class="status status-${word}">${icon(word)}<span>${word}</span></span>`;
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
