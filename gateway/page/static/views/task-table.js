// Tasks as rows, each drawn from what is known of it now.

import { between, count, short, span, when } from "../format.js";
import { html, nothing, repeat } from "../lit.js";
import { mediaOf, upload } from "../upload-names.js";
import { progress, status, waits } from "../parts/status.js";
import { go, href } from "../route.js";
import { task as known } from "../store.js";
import { taskActions } from "./task-actions.js";
import { waitingLine } from "./waiting.js";

const ID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/i;

/** Rows of the tasks with these ids; `selection` has a box for each, or is left out. */
export function taskTable(ids, selection) {
  const rows = ids.map(known).filter(Boolean);
  return html`<table class="cards tasks"><caption class="hidden">Tasks, newest first</caption>
    <thead><tr>${selection ? html`<th scope="col" class="box">${selection.all(ids)}</th>` : nothing}
      <th scope="col" class="in-status">Status</th><th scope="col" class="in-task">Task</th><th scope="col" class="in-about">About</th><th scope="col">Progress</th>
      <th scope="col" class="number in-created">Created</th><th scope="col" class="number in-run">Run</th>
      <th scope="col" class="in-actions"><span class="hidden">Actions</span></th></tr></thead>
    <tbody>${repeat(rows, (each) => each.id, (each) => row(each, selection))}</tbody></table>`;
}

function row(task, selection) {
  const address = href("tasks", task.id);
  const open = (event) => event.target.closest("a, button, input, label") || getSelection().toString() || go(address);
  return html`<tr data-row class=${task.gone ? "gone" : ""} @click=${open}>
    ${selection ? html`<td class="box">${selection.box(task)}</td>` : nothing}
    <td data-label="Status">${task.gone ? html`<span class="status">deleted</span>` : status(task.status)}</td>
    <th scope="row" data-label="Task"><a data-open href=${address}>${task.type} <code>${short(task.id)}</code></a></th>
    <td data-label="About" class="about">${about(task)}</td>
    <td data-label="Progress" class="how">${how(task)}</td>
    <td data-label="Created" class="number">${when(task.created_at)}</td>
    <td data-label="Run" class="number in-run">${run(task)}</td>
    <td class="actions">${task.gone ? nothing : taskActions(task)}</td>
  </tr>`;
}

/** The name of the file that it is about, or the beginning of its payload. */
export function about(task) {
  const plugin = typeof task.payload?.plugin_name === "string" ? `${task.payload.plugin_name} · ` : "";
  const file = upload(mediaOf(task));
  if (file) return html`<span class="clip" title=${plugin + file.filename}>${plugin}${file.filename}</span>`;
  return html`<span class="clip muted" title=${JSON.stringify(task.payload).slice(0, 1000)}>${summary(task.payload)}</span>`;
}

/** "plugin_name checksum, media_id 3371f0d9". */
function summary(payload) {
  return Object.entries(payload ?? {}).slice(0, 4).map(([name, value]) =>
    `${name} ${ID.test(value) ? short(value) : typeof value === "string" ? value : JSON.stringify(value)}`.slice(0, 80)).join(", ");
}

/** Progress while it runs, why it waits, or what went wrong. */
export function how(task) {
  const retries = task.retry_count ? html`<span class="muted"> · retry ${count(task.retry_count)} of ${count(task.max_retries)}</span>` : nothing;
  if (task.status === "processing") return html`${progress(task)}${retries}`;
  if (task.status === "failed") return html`<span class="bad clip" title=${task.error ?? ""}>${task.error}</span>${retries}`;
  if (task.waiting) return html`${waitingLine(task.waiting)}${retries}`;
  if (task.status === "scheduled") {
    return html`<span>due ${when(task.scheduled_at)}</span>${task.error ? html` <span class="muted clip" title=${task.error}>after: ${task.error}</span>` : nothing}${retries}`;
  }
  return retries;
}

function run(task) {
  if (!task.started_at || waits(task.status)) return html`<span class="muted">–</span>`;
  return span(between(task.started_at, task.status === "processing" ? null : task.completed_at));
}
