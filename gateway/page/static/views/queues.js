// The queues of all types as a table.

import { count, plural, rate as perTime, span } from "../format.js";
import { html, nothing } from "../lit.js";
import { action } from "../parts/action.js";
import { icon } from "../parts/icons.js";
import { meter, outOf } from "../parts/status.js";
import { href } from "../route.js";
import { changeLimits } from "./limits.js";

/** The table; `resource` is read again after a change, `plots` knows rates over a longer time, `drained` the last start. */
export function queueTable(queues, resource, plots, drained) {
  return html`<table class="cards queues"><caption class="hidden">Queues by task type</caption>
    <thead><tr><th scope="col">Type</th><th scope="col" class="number">Waiting</th><th scope="col" class="number">Oldest</th>
      <th scope="col">Tokens</th><th scope="col">Running</th><th scope="col">Rate</th>
      <th scope="col" class="number">Last starts in</th><th scope="col" class="number">Workers</th><th scope="col"><span class="hidden">Actions</span></th></tr></thead>
    <tbody>${queues.map((queue) => row(queue, resource, plots, drained))}</tbody></table>`;
}

function row(queue, resource, plots, drained) {
  const { type } = queue;
  return html`<tr data-row class=${queue.paused ? "is-paused" : ""}>
    <th scope="row"><a data-open href=${href("tasks", "", { type })}>${type}</a>
      ${queue.paused ? html`<span class="paused-word">${icon("paused")}Paused</span>` : nothing}</th>
    <td data-label="Waiting" class="number">${count(queue.depth)}${queue.scheduled
      ? html`<span class="muted" title="Not due yet"> + ${count(queue.scheduled)} later</span>` : nothing}</td>
    <td data-label="Oldest" class="number">${queue.oldest_age_seconds === null ? "–" : span(queue.oldest_age_seconds)}</td>
    <td data-label="Tokens">${tokens(queue)}</td>
    <td data-label="Running">${running(queue)}</td>
    <td data-label="Rate">${rate(queue, plots)}</td>
    <td data-label="Last starts" class="number">${drained(type)}</td>
    <td data-label="Workers" class="number">${queue.workers || queue.depth === 0 ? count(queue.workers)
      : html`<strong class="bad">nobody listens</strong>`}</td>
    <td class="actions">${pauseButton(queue, resource)}
      <button type="button" aria-label="Limits of ${type}" @click=${() => changeLimits(queue, resource)}>Limits…</button></td>
  </tr>`;
}

function tokens({ type, tokens, burst, rate }) {
  if (rate === null) return html`<span class="muted">no limit</span>`;
  return meter(tokens, burst, html`${outOf(tokens, burst)}<span class="muted"> · ${perTime(rate)}</span>`, `Tokens of ${type}`);
}

function running({ type, processing, concurrency }) {
  if (concurrency === null) return html`${count(processing)}`;
  return meter(processing, concurrency, outOf(processing, concurrency), `Running of ${type}`);
}

function rate(queue, plots) {
  const five = plots.rate(queue.type);
  const known = five ?? queue.throughput;
  return html`${plots.spark(queue.type)}<span title=${five === undefined ? "Over the last minute" : "Over the last five minutes"}>${
    known ? perTime(known) : html`<span class="muted">–</span>`}</span>`;
}

function pauseButton({ type, paused, depth }, resource) {
  return action({
    label: paused ? "Resume" : "Pause", of: type, kind: paused ? "primary" : "",
    request: { method: "PATCH", path: `/api/queues/${encodeURIComponent(type)}`, body: { paused: !paused } },
    confirm: paused ? undefined : html`Nothing of ${type} is started until you resume it; ${plural(depth, "task")} wait.
      What runs goes on.`,
    said: `${type} is ${paused ? "resumed" : "paused"}.`, done: () => resource.refresh(),
  });
}
