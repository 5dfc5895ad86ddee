// A task's life as a line: what happened when, and how long was between.

import { at, between, now, span } from "../format.js";
import { html, nothing } from "../lit.js";
import { ended, tone, waits } from "../parts/status.js";
import { bill, interval } from "./waiting.js";

export function timeline(task) {
  const steps = stepsOf(task);
  return html`<div class="panel life"><ol class="timeline" aria-label="Timeline">${steps.map(({ name, time, word, state }, index) => html`<li class=${state ?? "done"}>
    <span class="step">${name}</span>
    <span class="at">${time ? at(time) : word}</span>
    ${index < steps.length - 1 ? html`<span class="gap">${gap(steps[index], steps[index + 1])}</span>` : nothing}
  </li>`)}</ol>${bill(task.waited, task.created_at)}</div>`;
}

function stepsOf(task) {
  const steps = [{ name: "created", time: task.created_at }];
  const putOff = task.scheduled_at && task.scheduled_at > task.created_at;
  const due = putOff && Date.parse(task.scheduled_at) > now();
  const retried = task.retry_count > 0 || task.attempts?.length > 1;
  if (putOff && task.status !== "cancelled") steps.push({ name: retried ? "due again" : "due", time: task.scheduled_at, state: due ? "ahead" : "done" });
  if (waits(task.status)) {
    const { start, finish } = task.waiting?.estimate ?? {};
    steps.push({ name: "starts", word: start ? interval(start) : "waiting", state: "now" }, { name: "ends", word: finish ? interval(finish) : "–", state: "ahead" });
  } else if (task.status === "processing") {
    steps.push({ name: retried ? "last start" : "started", time: task.started_at }, { name: "ends", word: "running", state: "now" });
  } else {
    const started = task.started_at && task.started_at <= (task.completed_at ?? "9") ? [{ name: retried ? "last start" : "started", time: task.started_at }] : [];
    steps.push(...started, { name: task.status, time: task.completed_at, state: ended(task.status) ? `is-${tone(task.status)}` : "now" });
  }
  return inOrder(steps);
}

/** A moment that is put after a later one is left out: of a retried task the last of each kind is known. */
function inOrder(steps) {
  return steps.filter((each, index) => !each.time || each.state === "ahead" || steps.slice(index + 1).every((later) => !later.time || later.time >= each.time));
}

function gap(step, next) {
  if (next.state === "ahead" && !next.time) return nothing;
  if (!step.time) return nothing;
  return span(between(step.time, next.time));
}
