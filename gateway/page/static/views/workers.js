// Who works, and at what.

import { call } from "../api.js";
import { between, count, plural, short, span, when } from "../format.js";
import { html, nothing, repeat } from "../lit.js";
import { action, code } from "../parts/action.js";
import { region } from "../parts/region.js";
import { Resource } from "../resource.js";
import { href } from "../route.js";
import { has, loadSpec } from "../spec.js";
import { warnings } from "./overview.js";

export const title = "Workers";
const EVERY_MS = 2000;
const WANTED_EVERY_MS = 10_000;
const REASONS = {
  steady: "to keep pace", backlog: "for what waits", tokens: "more would start no more: the rate holds back",
  concurrency: "as many as may run", hold: "as many as were wanted in the last five minutes", paused: "paused", idle: "nothing to do",
};

export function open() {
  const workers = new Resource((signal) => call({ path: "/api/workers", signal }), { every: EVERY_MS });
  const queues = new Resource((signal) => call({ path: "/api/queues", signal }), { every: EVERY_MS });
  const wanted = new Resource(async (signal) => {
    await loadSpec();
    return has("GET", "/api/autoscale") ? call({ path: "/api/autoscale", signal }) : null;
  }, { every: WANTED_EVERY_MS });
  return {
    resources: [workers, queues, wanted],
    draw: () => html`<h1>Workers</h1>${warnings(queues.data)}
      ${region(workers, (data) => table(data.workers, workers), {
        label: "workers", isEmpty: (data) => !data.workers.length,
        empty: html`<p>No worker is there: nothing is started. <code>make run</code> starts one, as does the line <code>worker</code> of the Procfile.</p>`,
      })}
      ${wanted.data?.workers.length ? wants(wanted.data) : nothing}
      ${queues.data ? html`<p class="muted">${plural(queues.data.daemons, "daemon")} ${queues.data.daemons === 1 ? "runs" : "run"}.</p>` : nothing}`,
  };
}

/** How many there should be, by what they listen to. */
function wants({ objective_seconds: objective, workers }) {
  return html`<section aria-labelledby="wanted"><header class="line"><h2 id="wanted">Wanted, to start each task within ${span(objective)}</h2>
      ${code({ path: "/api/autoscale" }, "How many are wanted")}</header>
    <table class="cards"><caption class="hidden">Worker processes that are wanted</caption>
      <thead><tr><th scope="col">Listening to</th><th scope="col" class="number">There</th><th scope="col" class="number">Wanted</th><th scope="col">Why</th></tr></thead>
      <tbody>${workers.map((each) => html`<tr><th scope="row" data-label="Listening to">${each.types.join(", ")}</th><td data-label="There" class="number">${count(each.processes)}</td>
        <td data-label="Wanted" class="number"><strong>${count(each.wanted)}</strong></td><td data-label="Why">${REASONS[each.reason] ?? each.reason}</td></tr>`)}</tbody></table></section>`;
}

function table(all, resource) {
  const busy = all.filter((each) => each.state === "busy").length;
  return html`<p><strong>${count(busy)}</strong> of ${plural(all.length, "worker process").replace("processs", "processes")} busy</p>
    <table class="cards workers"><caption class="hidden">Live worker processes</caption>
      <thead><tr><th scope="col">Worker</th><th scope="col">Runs</th><th scope="col">Listens to</th><th scope="col" class="number">Heartbeat</th>
        <th scope="col" class="number">Up</th><th scope="col" class="number">Completed / failed</th>
        ${has("POST", "/api/workers/{name}/drain") ? html`<th scope="col"><span class="hidden">Actions</span></th>` : nothing}</tr></thead>
      <tbody>${repeat(all, (each) => each.name, (each) => row(each, resource))}</tbody></table>`;
}

function row(worker, resource) {
  return html`<tr data-row>
    <th scope="row" data-label="Worker"><code class="clip" title=${worker.name}>${worker.name}</code>
      <div class="muted clip">${worker.hostname} · process ${worker.pid}</div></th>
    <td data-label="Runs">${worker.draining ? html`<strong>draining</strong> ` : nothing}${worker.task_id ? html`<a data-open href=${href("tasks", worker.task_id)}>${worker.task_type ?? "task"} <code>${short(worker.task_id)}</code></a>
      ${worker.running_since ? html`<span class="muted">for ${span(between(worker.running_since))}</span>` : nothing}` : html`<span class="muted">${worker.state}</span>`}</td>
    <td data-label="Listens to">${worker.types.join(", ")}</td>
    <td data-label="Heartbeat" class="number">${when(worker.last_heartbeat)}</td>
    <td data-label="Up" class="number">${span(between(worker.started_at))}</td>
    <td data-label="Ended" class="number">${count(worker.completed)} / ${count(worker.failed)}</td>
    ${has("POST", "/api/workers/{name}/drain") ? html`<td class="actions">${action({
      label: "Drain", of: worker.name, request: { method: "POST", path: `/api/workers/${encodeURIComponent(worker.name)}/drain` },
      confirm: html`It ends what it runs and takes nothing more.`, said: "It takes nothing more.", done: () => resource.refresh(),
    })}</td>` : nothing}</tr>`;
}
