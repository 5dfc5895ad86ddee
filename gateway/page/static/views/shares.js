// Who waits in which queue: each tenant's share of it, how long its tasks wait, and when the last of them starts. Told
// by the forecast for things as they are, which is computed only while somebody looks.

import { call } from "../api.js";
import { count, decimal, span } from "../format.js";
import { html, nothing } from "../lit.js";
import { code } from "../parts/action.js";
import { region } from "../parts/region.js";
import { meter } from "../parts/status.js";
import { Resource } from "../resource.js";
import { has, loadSpec } from "../spec.js";
import { changeTenant } from "./tenant.js";
import { lastStart } from "./what-if.js";

const EVERY_MS = 5000;
const ASK = { method: "POST", path: "/api/queues/simulate", body: {} };

/** {resource, drained(type), draw()}. */
export function shares() {
  const resource = new Resource(async (signal) => {
    await loadSpec();
    if (!has(ASK.method, ASK.path)) return null;
    const { before } = await call({ ...ASK, signal });
    const tenants = [...new Set(before.flatMap((each) => Object.keys(each.tenants)))];
    const settings = await Promise.all(tenants.map((name) => call({ path: `/api/tenants/${encodeURIComponent(name)}`, signal })));
    return { types: before, weights: new Map(settings.map(({ name, weight }) => [name, weight])) };
  }, { every: EVERY_MS });
  return {
    resource,
    drained: (type) => {
      const found = resource.data?.types.find((each) => each.type === type);
      return found ? lastStart(found.total, true) : html`<span class="muted">–</span>`;
    },
    draw: () => (resource.data === null ? nothing : section(resource)),
  };
}

function section(resource) {
  const known = () => [...(resource.data?.weights.keys() ?? [])];
  const change = (name) => () => changeTenant(name, resource, known());
  return html`<section aria-labelledby="shares"><header class="line spread"><h2 id="shares">Tenants</h2>
      <span class="buttons"><button type="button" @click=${change("")}>Share of a tenant…</button>${code(ASK, "Who waits for what")}</span></header>
    ${region(resource, (data) => table(data, change), { label: "who waits", rows: 1,
      isEmpty: ({ types }) => !types.some(several), empty: html`<p>No two tenants wait for the same queue.</p>` })}</section>`;
}

function several({ tenants }) {
  return Object.keys(tenants).length > 0;
}

function table({ types, weights }, change) {
  return html`<table class="cards shares"><caption class="hidden">Tenants that wait for the same queue</caption>
    <thead><tr><th scope="col">Queue</th><th scope="col">Tenant</th><th scope="col">Share</th><th scope="col" class="number">Waiting</th>
      <th scope="col" class="number">Half wait less than</th><th scope="col" class="number">Last starts in</th><th scope="col"><span class="hidden">Actions</span></th></tr></thead>
    <tbody>${types.filter(several).map(({ type, tenants }) => rows(type, tenants, weights, change))}</tbody></table>`;
}

/** Shares are of a queue's turns, among those who wait there: weight by weight. */
function rows(type, tenants, weights, change) {
  const all = Object.entries(tenants);
  const sum = all.reduce((total, [name]) => total + weights.get(name), 0);
  return all.sort(([, one], [, other]) => other.tasks - one.tasks).map(([name, outlook]) => html`<tr data-row>
    <th scope="row" data-label="Queue">${type}</th>
    <td data-label="Tenant"><strong>${name}</strong></td>
    <td data-label="Share">${meter(weights.get(name), sum, html`${count((100 * weights.get(name)) / sum)} %<span class="muted"> · weight ${decimal(weights.get(name))}</span>`, `Share of ${name} of ${type}`)}</td>
    <td data-label="Waiting" class="number">${count(outlook.tasks)}</td>
    <td data-label="Half wait" class="number">${outlook.wait ? span(outlook.wait.p50) : "–"}</td>
    <td data-label="Last starts" class="number">${lastStart(outlook)}</td>
    <td class="actions"><button type="button" aria-label="Share of ${name} of ${type}" @click=${change(name)}>Share…</button></td></tr>`);
}
