// What webhooks were told: of one task, or all that an endpoint was sent.

import { call } from "../api.js";
import { at, now, plural, span, when } from "../format.js";
import { html, nothing } from "../lit.js";
import { action } from "../parts/action.js";
import { Resource } from "../resource.js";
import { href } from "../route.js";

const NEWEST = 100;
/** Webhooks are told some time after it has happened, which no event says. */
const EVERY_MS = 10_000;

/** The deliveries about one task, among the newest of each webhook. */
export function deliveriesOf(taskId) {
  const resource = new Resource(async (signal) => {
    const { webhooks } = await call({ path: "/api/webhooks", signal });
    const pages = await Promise.all(webhooks.map((each) =>
      call({ path: `/api/webhooks/${each.id}/deliveries`, query: { limit: NEWEST }, signal })));
    return pages.flatMap(({ deliveries }, index) =>
      deliveries.filter((each) => each.task_id === taskId).map((each) => ({ ...each, webhook: webhooks[index] })));
  }, { every: EVERY_MS });
  const draw = () => {
    if (!resource.data?.length) return nothing;
    return html`<section class="panel" aria-labelledby="deliveries"><h2 id="deliveries">${plural(resource.data.length, "webhook delivery").replace("deliverys", "deliveries")}</h2>
      <ul class="deliveries">${resource.data.map((each) => html`<li>${outcome(each)} <span>${each.type}</span>
        <a href=${href("webhooks", each.webhook.id)} class="clip">${each.webhook.url}</a> <span class="muted">${when(each.at)}</span></li>`)}</ul></section>`;
  };
  return { resource, draw };
}

/** The attempts at one endpoint as a table. */
export function deliveryTable(deliveries, webhook, done) {
  return html`<table class="cards attempts"><caption class="hidden">Attempts, newest first</caption>
    <thead><tr><th scope="col">Outcome</th><th scope="col">Event</th><th scope="col">Task</th><th scope="col" class="number">Attempt</th>
      <th scope="col" class="number">Took</th><th scope="col">At</th><th scope="col">Next</th><th scope="col"><span class="hidden">Actions</span></th></tr></thead>
    <tbody>${deliveries.map((each) => html`<tr data-row>
      <th scope="row" data-label="Outcome">${outcome(each)}${each.error ? html`<div class="muted clip" title=${each.error}>${each.error}</div>` : nothing}</th>
      <td data-label="Event">${each.type}</td>
      <td data-label="Task">${each.task_id ? html`<a data-open href=${href("tasks", each.task_id)}><code>${each.task_id.slice(0, 8)}</code></a>` : "test"}</td>
      <td data-label="Attempt" class="number">${each.attempt}</td>
      <td data-label="Took" class="number">${each.duration_seconds === null ? "–" : span(each.duration_seconds)}</td>
      <td data-label="At">${at(each.at)}</td>
      <td data-label="Next">${next(each, deliveries)}</td>
      <td class="actions">${action({
        label: "Send again", of: each.event_id, done, said: "It is sent again.",
        request: { method: "POST", path: `/api/webhooks/${webhook.id}/deliveries/${encodeURIComponent(each.event_id)}/resend` },
      })}</td></tr>`)}</tbody></table>`;
}

function outcome({ status_code: code, error }) {
  return html`<strong class=${error ? "bad" : "good"}>${error ? "✕" : "✓"} ${code ?? "no answer"}</strong>`;
}

/** When it is tried again, unless that was done; what is due waits until its endpoint answers again. */
function next({ event_id: id, attempt, next_attempt_at: at }, deliveries) {
  if (!at || deliveries.some((each) => each.event_id === id && each.attempt > attempt)) return "–";
  return Date.parse(at) > now() ? when(at) : html`<span class="muted">due</span>`;
}
