// Webhooks: where events go, and what was answered.

import { call } from "../api.js";
import { at, when } from "../format.js";
import { html, nothing, repeat } from "../lit.js";
import { action, code } from "../parts/action.js";
import { region } from "../parts/region.js";
import { Resource } from "../resource.js";
import { go, href } from "../route.js";
import { may } from "../session.js";
import { deliveryTable } from "./deliveries.js";
import { newWebhook, showSecret } from "./webhook-form.js";

export const title = "Webhooks";
const EVERY_MS = 3000;

export function open(at) {
  return at.id ? one(at.id) : list();
}

function list() {
  const webhooks = new Resource((signal) => call({ path: "/api/webhooks", signal }), { every: EVERY_MS });
  return {
    resources: [webhooks],
    draw: () => html`<header class="line spread"><h1>Webhooks</h1>${may("write") ? html`<button type="button" class="primary" @click=${() => newWebhook(webhooks)}>New webhook</button>` : nothing}</header>
      ${region(webhooks, (data) => table(data.webhooks), {
        label: "webhooks", isEmpty: (data) => !data.webhooks.length,
        empty: html`<p>No webhook yet. One is told when your tasks start and end, signed after Standard Webhooks.</p>`,
      })}`,
  };
}

function table(webhooks) {
  return html`<table class="cards"><caption class="hidden">Webhooks, oldest first</caption>
    <thead><tr><th scope="col">URL</th><th scope="col">State</th><th scope="col">Events</th><th scope="col" class="number">Created</th></tr></thead>
    <tbody>${repeat(webhooks, (each) => each.id, (each) => html`<tr data-row>
      <th scope="row" data-label="URL"><a data-open class="clip" href=${href("webhooks", each.id)}>${each.url}</a>
        ${each.description ? html`<div class="muted">${each.description}</div>` : nothing}</th>
      <td data-label="State">${stands(each)}</td>
      <td data-label="Events">${each.events.join(", ")}</td>
      <td data-label="Created" class="number">${when(each.created_at)}</td></tr>`)}</tbody></table>`;
}

function stands(webhook) {
  if (!webhook.enabled) return html`<span class="muted">disabled${webhook.disabled_reason ? `: ${webhook.disabled_reason}` : ""}</span>`;
  if (webhook.failing_since) return html`<span class="bad">failing since ${at(webhook.failing_since)}</span>`;
  return html`<span class="good">enabled</span>`;
}

function one(id) {
  const path = `/api/webhooks/${encodeURIComponent(id)}`;
  const webhook = new Resource((signal) => call({ path, signal }), { every: EVERY_MS });
  const deliveries = new Resource((signal) => call({ path: `${path}/deliveries`, query: { limit: 50 }, signal }), { every: EVERY_MS });
  const again = () => [webhook, deliveries].forEach((each) => each.refresh());
  return {
    title: "Webhook",
    back: "#/webhooks",
    resources: [webhook, deliveries],
    draw: () => region(webhook, (data) => html`${head(data, path, again)}
      <section aria-labelledby="attempts"><h2 id="attempts">Attempts</h2>${region(deliveries, (page) => deliveryTable(page.deliveries, data, again), {
        label: "attempts", isEmpty: (page) => !page.deliveries.length, empty: html`<p>Nothing was sent yet. Send a test.</p>`,
      })}</section>`, { label: "the webhook" }),
  };
}

function head(webhook, path, again) {
  const { url, events, enabled, description } = webhook;
  return html`<header class="task-head"><p class="crumb"><a href="#/webhooks">Webhooks</a></p>
    <div class="line"><h1 class="wrap">${url}</h1>${stands(webhook)}</div>
    <p class="muted">${events.join(", ")}${description ? ` · ${description}` : ""}</p>
    <div class="buttons">
      ${action({ label: "Send a test", done: again, said: "A test is on its way.", request: { method: "POST", path: `${path}/test` } })}
      ${action({ label: enabled ? "Disable" : "Enable", done: again, said: enabled ? "It is disabled." : "It is enabled.",
        confirm: enabled && html`What happens while it is disabled is not sent later.`, request: { method: "PATCH", path, body: { enabled: !enabled } } })}
      ${action({ label: "New secret", done: ({ secret }) => setTimeout(() => showSecret(secret)), said: "It has a new secret.",
        confirm: html`Make a new signing secret? The present one signs as well for another day.`,
        request: { method: "POST", path: `${path}/secret/rotate`, body: {} } })}
      ${action({ label: "Delete", kind: "danger", done: () => go("#/webhooks"), said: "The webhook is deleted.",
        confirm: html`Delete this webhook and its log of attempts?`, request: { method: "DELETE", path } })}
      ${code({ path: `${path}/deliveries` }, "Reading its attempts", "Code")}</div></header>`;
}
