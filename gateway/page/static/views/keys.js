// API keys and what they are good for, and who has changed what.

import { call } from "../api.js";
import { at, when } from "../format.js";
import { html, nothing, repeat } from "../lit.js";
import { action, code } from "../parts/action.js";
import { region } from "../parts/region.js";
import { Resource } from "../resource.js";
import { has, loadSpec } from "../spec.js";
import { newKey, showKey } from "./key-form.js";

export const title = "Keys";
const MOST = 100;
const ENTRIES = 50;

export function open() {
  const keys = new Resource((signal) => call({ path: "/api/keys", query: { limit: MOST }, signal }));
  const audit = new Resource(async (signal) => {
    await loadSpec();
    return has("GET", "/api/audit") ? call({ path: "/api/audit", query: { limit: ENTRIES }, signal }) : null;
  });
  const again = () => [keys, audit].forEach((each) => each.refresh());
  return {
    resources: [keys, audit],
    draw: () => html`<header class="line spread"><h1>Keys</h1>
        <span class="buttons"><button type="button" class="primary" @click=${() => newKey(again)}>New key</button>${code({ path: "/api/keys" }, "Reading the keys", "Code")}</span></header>
      ${region(keys, (data) => table(data.keys, again), {
        label: "keys", isEmpty: (data) => !data.keys.length,
        empty: html`<p>No key yet. Those of <code>API_KEYS</code> are not listed.</p>`,
      })}
      ${audit.data ? html`<section aria-labelledby="audit"><h2 id="audit">Changes</h2>
        ${region(audit, log, { label: "changes", isEmpty: (data) => !data.entries.length, empty: html`<p>Nothing was changed yet.</p>` })}</section>` : nothing}`,
  };
}

function table(keys, again) {
  return html`<table class="cards"><caption class="hidden">API keys, newest first</caption>
    <thead><tr><th scope="col">Key</th><th scope="col">Tenant</th><th scope="col">Scopes</th><th scope="col" class="number">Last used</th>
      <th scope="col" class="number">Ends</th><th scope="col"><span class="hidden">Actions</span></th></tr></thead>
    <tbody>${repeat(keys, (each) => each.id, (each) => row(each, again))}</tbody></table>`;
}

function row(key, again) {
  const path = `/api/keys/${encodeURIComponent(key.id)}`;
  return html`<tr data-row class=${key.expired ? "gone" : ""}>
    <th scope="row" data-label="Key">${key.name}<div class="muted"><code>${key.id}</code> by ${key.created_by}</div></th>
    <td data-label="Tenant">${key.tenant}</td>
    <td data-label="Scopes">${key.scopes.join(", ")}</td>
    <td data-label="Last used" class="number">${key.last_used_at ? when(key.last_used_at) : html`<span class="muted">never</span>`}</td>
    <td data-label="Ends" class="number">${key.expires_at ? when(key.expires_at) : html`<span class="muted">never</span>`}
      ${key.former_until ? html`<div class="muted">former secret until ${at(key.former_until)}</div>` : nothing}</td>
    <td class="actions">${key.expired ? nothing : html`${action({
        label: "New secret", of: key.name, request: { method: "POST", path: `${path}/rotate`, body: {} }, said: "The key has a new secret.",
        confirm: html`Give ${key.name} a new secret? The present one is valid for another day.`,
        done: (made) => (again(), setTimeout(() => showKey(made.key))),
      })}${action({
        label: "Revoke", of: key.name, kind: "danger", request: { method: "DELETE", path }, said: "The key is revoked.",
        confirm: html`Revoke ${key.name}? Every gateway refuses it from now on.`, done: again,
      })}`}</td></tr>`;
}

/** What differs between two states, as "paused: false → true". */
function changes(before, after) {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  const differ = names.filter((name) => JSON.stringify(before?.[name]) !== JSON.stringify(after?.[name]));
  return differ.map((name) => `${name}: ${before?.[name] === undefined ? "" : `${JSON.stringify(before[name])} → `}${JSON.stringify(after?.[name]) ?? "gone"}`).join(", ");
}

function log({ entries }) {
  return html`<table class="cards"><caption class="hidden">Changes, newest first</caption>
    <thead><tr><th scope="col">When</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">To what</th><th scope="col">Change</th></tr></thead>
    <tbody>${entries.map((each) => html`<tr><td data-label="When">${at(each.at)}</td><td data-label="Who"><code>${each.actor}</code></td>
      <th scope="row" data-label="What">${each.action}</th><td data-label="To what">${each.subject}</td><td data-label="Change" class="muted">${changes(each.before, each.after)}</td></tr>`)}</tbody></table>`;
}
