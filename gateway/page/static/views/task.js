// One task: where it is in its life, what it made, and what can be done with it.

import { call } from "../api.js";
import { at, bytes, count, plural, short, span } from "../format.js";
import { html, nothing } from "../lit.js";
import { mediaOf, upload } from "../upload-names.js";
import { action, code } from "../parts/action.js";
import { copyButton } from "../parts/copy.js";
import { json } from "../parts/json.js";
import { region } from "../parts/region.js";
import { can, progress, status, waits } from "../parts/status.js";
import { Resource } from "../resource.js";
import { go, href } from "../route.js";
import { may } from "../session.js";
import { has, parameter } from "../spec.js";
import { keep, task as known } from "../store.js";
import { changeTask } from "./change-task.js";
import { deliveriesOf } from "./deliveries.js";
import { logsOf } from "./logs.js";
import { made } from "./made.js";
import { taskActions } from "./task-actions.js";
import { timeline } from "./timeline.js";
import { waitingBlock } from "./waiting.js";

/** Why it waits changes without an event. */
const EVERY_MS = 3000;

export function open({ id }) {
  const task = new Resource(
    async (signal) => {
      const asked = Date.now();
      const found = await call({ path: `/api/tasks/${encodeURIComponent(id)}`, signal });
      keep([found], asked);
      return { id };
    },
    { every: EVERY_MS },
  );
  if (known(id)) task.data = { id }; // what the list knew, until it is read
  const deliveries = deliveriesOf(id);
  const logs = logsOf(id);
  const again = () => task.refresh();
  return {
    title: "Task",
    back: "#/tasks",
    resources: [task, deliveries.resource, logs.resource],
    event(event) {
      if (event.task_id !== id || event.kind === "progress") return;
      again();
      deliveries.resource.refresh();
      logs.resource.refresh();
    },
    draw: () => region(task, () => draw(known(id), again, deliveries, logs), { label: "the task", rows: 6 }),
  };
}

function draw(task, again, deliveries, logs) {
  const file = upload(mediaOf(task));
  if (task.gone) return html`<p class="empty">This task was deleted.</p>`;
  return html`<header class="task-head">
      <p class="crumb"><a href="#/tasks">Tasks</a> / <a href=${href("tasks", "", { type: task.type })}>${task.type}</a></p>
      <div class="line"><h1>${task.type}</h1>${file ? html`<span class="title-file clip">${file.filename}</span>` : nothing}${status(task.status)}</div>
      <p class="copyable"><code class="copied">${task.id}</code>${copyButton(task.id, "task id")}</p>
      <div class="buttons">${taskActions(task, again)}
        ${may("write") && waits(task.status) ? html`<button type="button" @click=${() => changeTask(task, again)}>Change…</button>` : nothing}
        ${may("write") ? html`<a class="button" href=${href("new", "", { from: task.id })}>Replay…</a>` : nothing}
        ${has("DELETE", "/api/tasks/{task_id}") && can(task.status).includes("delete") ? action({
          label: "Delete", of: short(task.id), kind: "danger", request: { method: "DELETE", path: `/api/tasks/${task.id}` },
          confirm: html`Delete this task, with its result and the files that a plugin has made in it? It cannot be undone.`,
          said: "The task is deleted.", done: () => go("#/tasks"),
        }) : nothing}
        ${code({ path: `/api/tasks/${task.id}` }, "Reading this task", "Code")}</div>
    </header>
    ${task.status === "processing" ? html`<div class="wide-progress">${progress(task)}</div>` : nothing}
    ${timeline(task)}
    ${waitingBlock(task, again)}
    ${task.error ? html`<section class="panel error" aria-labelledby="error"><h2 id="error">${task.status === "failed" ? "Why it failed" : "What went wrong last"}</h2>
      <p class="copyable"><span class="copied">${task.error}</span>${copyButton(task.error, "error")}</p></section>` : nothing}
    <div class="columns"><div>
      ${made(task)}
      ${attempts(task)}
      ${logs.draw()}
      ${json("Result", task.result)}
      ${json("Payload", task.payload)}
    </div><aside>${facts(task)}${deliveries.draw()}</aside></div>`;
}

function facts(task) {
  const all = [
    ["Priority", task.background ? "in the background" : `${task.priority} of 10`],
    ["Retries", `${count(task.retry_count)} of ${count(task.max_retries)} used`],
    ["A run may take", span(task.timeout_seconds)],
    ["Used", task.usage && used(task.usage)],
    ["Created", at(task.created_at)],
    ["Due", task.scheduled_at && at(task.scheduled_at)],
    ["Group", task.group], ["Tags", task.tags?.join(", ")], ["Deadline", task.deadline && at(task.deadline)],
    ["Flow", task.flow && (parameter("/api/tasks", "flow") ? html`<a href=${href("tasks", "", { flow: task.flow })}>${task.flow}</a>` : task.flow)],
    ["Waits for", task.waiting_for?.length && task.waiting_for.map((id) => html`<a href=${href("tasks", id)}><code>${short(id)}</code></a> `)],
    ["Part of", task.part_of && html`<a href=${href("tasks", task.part_of)}><code>${short(task.part_of)}</code></a>`],
    ["After", task.depends_on?.length && task.depends_on.map((id) => html`<a href=${href("tasks", id)}><code>${short(id)}</code></a> `)],
  ].filter(([, value]) => value);
  return html`<section class="panel" aria-labelledby="facts"><h2 id="facts">Details</h2>
    <dl class="facts">${all.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl></section>`;
}

/** What its runs have used together. */
function used({ cpu_seconds: cpu, peak_memory_bytes: memory, bytes_read: read, bytes_written: written, media_seconds: media }) {
  const parts = [
    `${span(cpu)} of processor`, memory && `${bytes(memory)} of memory`, media && `${span(media)} of media`, read && `${bytes(read)} read`, written && `${bytes(written)} written`,
  ].filter(Boolean);
  return html`<ul class="plain-list used">${parts.map((each) => html`<li>${each}</li>`)}</ul>`;
}

function attempts({ attempts }) {
  if (!attempts?.length) return nothing;
  return html`<section class="panel" aria-labelledby="attempts"><h2 id="attempts">${plural(attempts.length, "ended run")}</h2>
    <table class="cards"><caption class="hidden">Ended runs, oldest first</caption>
      <thead><tr><th scope="col">Outcome</th><th scope="col">Began</th><th scope="col" class="number">Took</th><th scope="col">Worker</th></tr></thead>
      <tbody>${attempts.map((each) => html`<tr><th scope="row" data-label="Outcome">${each.outcome}
          ${each.error ? html`<div class="bad">${each.error}</div>` : nothing}</th>
        <td data-label="Began">${at(each.started_at)}</td>
        <td data-label="Took" class="number">${each.started_at && each.ended_at ? span((Date.parse(each.ended_at) - Date.parse(each.started_at)) / 1000) : "–"}</td>
        <td data-label="Worker"><code>${each.worker ?? "–"}</code></td></tr>`)}</tbody></table></section>`;
}
