// What can be done with a task in its present status, and nothing else.

import { html, nothing } from "../lit.js";
import { action } from "../parts/action.js";
import { can } from "../parts/status.js";
import { short } from "../format.js";

/** Its buttons; `done` is called after each. */
export function taskActions(task, done) {
  const path = `/api/tasks/${task.id}`;
  const of = `${task.type} ${short(task.id)}`;
  const verbs = can(task.status);
  if (verbs.includes("cancel")) {
    return action({ label: "Cancel", of, done, said: "The task is cancelled.", request: cancel(task.id) });
  }
  if (verbs.includes("stop")) {
    return action({
      label: "Stop", of, done, kind: "danger", said: "The task is stopped.", request: cancel(task.id, true),
      confirm: html`Stop this ${task.type}? Its run is killed with all it has started, and the task is cancelled.`,
    });
  }
  if (!verbs.includes("retry")) return nothing;
  const used = task.retry_count >= task.max_retries;
  return action({
    label: "Retry", of, done, said: "The task is due again.", request: retry(task.id, used),
    confirm: used && html`All ${task.max_retries} retries are used. Grant one more?`,
  });
}

export function cancel(id, force = false) {
  return { method: "POST", path: `/api/tasks/${id}/cancel`, query: force ? { force: true } : undefined };
}

export function retry(id, force = false) {
  return { method: "POST", path: `/api/tasks/${id}/retry`, query: force ? { force: true } : undefined };
}
