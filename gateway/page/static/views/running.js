// The tasks that run now, as the caller may see them.

import { call } from "../api.js";
import { html, nothing } from "../lit.js";
import { region } from "../parts/region.js";
import { Resource } from "../resource.js";
import { href } from "../route.js";
import { keep, task as known } from "../store.js";
import { taskTable } from "./task-table.js";

const MOST = 10;
const EVERY_MS = 5000;

/** {resource, event, draw}: a short table that follows the events. */
export function runningTasks() {
  const resource = new Resource(
    async (signal) => {
      const asked = Date.now();
      const page = await call({ path: "/api/tasks", query: { status: "processing", limit: MOST }, signal });
      keep(page.tasks, asked);
      return { ids: page.tasks.map((each) => each.id), total: page.total };
    },
    { every: EVERY_MS },
  );
  return {
    resource,
    event(event) {
      if (event.kind === "status") resource.refresh();
    },
    draw: () => html`<section aria-labelledby="running"><h2 id="running">Running now</h2>
      ${region(resource, draw, { rows: 2, label: "running tasks", isEmpty: ({ ids }) => !ids.length, empty: html`<p>Nothing runs.</p>` })}</section>`,
  };
}

function draw({ ids, total }) {
  const running = ids.filter((id) => known(id)?.status === "processing");
  return html`${taskTable(running.length ? running : ids, null)}
    ${total > MOST ? html`<p><a href=${href("tasks", "", { status: "processing" })}>All ${total}</a></p>` : nothing}`;
}
