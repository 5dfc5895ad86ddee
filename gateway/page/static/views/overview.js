// How it stands: counts of the caller's own tasks, and for the operator every queue.

import { call } from "../api.js";
import { count, decimal, span } from "../format.js";
import { html, nothing } from "../lit.js";
import { icon } from "../parts/icons.js";
import { region } from "../parts/region.js";
import { STATUSES, status } from "../parts/status.js";
import { Resource } from "../resource.js";
import { href } from "../route.js";
import { isOperator, may } from "../session.js";
import { history } from "./history.js";
import { holds } from "./holds.js";
import { queueTable } from "./queues.js";
import { runningTasks } from "./running.js";
import { shares } from "./shares.js";

export const title = "Overview";
const EVERY_MS = 2000;

export function open() {
  const stats = new Resource((signal) => call({ path: "/api/tasks/stats", signal }), { every: EVERY_MS });
  const queues = new Resource((signal) => call({ path: "/api/queues", signal }), { every: EVERY_MS });
  const plots = history();
  const running = runningTasks();
  const aside = holds();
  const tenants = shares();
  return {
    resources: isOperator() ? [stats, queues, running.resource, plots.resource, aside.resource, tenants.resource] : [stats, running.resource],
    event(event) {
      if (event.kind === "queue") queues.refresh();
      running.event(event);
    },
    draw: () => html`<h1 class="hidden">Overview</h1>
      ${isOperator() ? warnings(queues.data) : nothing}
      <section aria-labelledby="counts"><header class="line spread"><h2 id="counts">Your tasks</h2>
          ${may("write") ? html`<a class="button" href="#/media">${icon("upload")} Upload files</a>` : nothing}</header>
        ${stats.data?.total === 0 && may("write") ? html`<p class="empty">Nothing has been asked for yet: drop a video, or any file, anywhere on this page.</p>` : nothing}
        ${region(stats, tiles, { rows: 1, label: "counts" })}</section>
      ${isOperator() ? html`<section aria-labelledby="queues"><h2 id="queues">Queues</h2>
        ${region(queues, (data) => queueTable(data.queues, queues, plots, tenants.drained), { rows: 3, label: "queues" })}</section>
        ${tenants.draw()}${plots.draw()}` : nothing}
      ${running.draw()}${isOperator() ? aside.draw() : nothing}`,
  };
}

/** Who is missing, so that tasks do not go on. */
export function warnings(data) {
  const all = data?.warnings ?? [];
  return all.length ? html`<div role="alert"><ul class="warnings">${all.map((each) => html`<li>${icon("warning")} ${each}</li>`)}</ul></div>` : nothing;
}

/** Of what was tried to its end; `success_rate` is of all tasks, so that each that waits lowers it. */
function success({ completed = 0, failed = 0 }) {
  return completed + failed ? `${decimal((100 * completed) / (completed + failed))} %` : "–";
}

function tiles(stats) {
  return html`<ul class="tiles">
    ${STATUSES.map((each) => html`<li><a class=${stats.by_status[each] ? "" : "none"} href=${href("tasks", "", { status: each })}>
      ${status(each)}<strong>${count(stats.by_status[each] ?? 0)}</strong></a></li>`)}
    <li class="plain" title="of tasks that were completed or failed"><span>success</span><strong>${success(stats.by_status)}</strong></li>
    <li class="plain"><span>average run</span><strong>${stats.average_duration_seconds === null ? "–" : span(stats.average_duration_seconds)}</strong></li>
  </ul>`;
}
