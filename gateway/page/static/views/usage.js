// What runs have used, by type and by day, and how quotas stand; for the operator, everybody's.

import { call } from "../api.js";
import { bytes, count, span } from "../format.js";
import { html, nothing, svg } from "../lit.js";
import { code } from "../parts/action.js";
import { region } from "../parts/region.js";
import { meter } from "../parts/status.js";
import { quotaName, quotaNumber } from "../quotas.js";
import { Resource } from "../resource.js";
import { go, href } from "../route.js";
import { isOperator, may, session } from "../session.js";
import { changeTenant } from "./tenant.js";

export const title = "Usage";
const PATH = "/api/usage";
const EVERY_MS = 10_000;
const DAY_MS = 86_400_000;
/** What is offered, and what is asked for when nothing was chosen. */
const DAYS = [7, 30, 90, 365];
const USUAL = 30;

export function open(at) {
  let asked = at.query;
  const everybody = () => isOperator() && may("admin");
  const query = (by) => {
    const days = DAYS.includes(Number(asked.days)) ? Number(asked.days) : USUAL;
    const from = new Date(Date.now() - (days - 1) * DAY_MS).toISOString().slice(0, 10);
    return { from, by, tenant: asked.tenant };
  };
  const by = () => (everybody() && !asked.tenant ? "tenant,type" : "type");
  const usage = new Resource(async (signal) => {
    const [of, days] = await Promise.all([by(), "day"].map((each) => call({ path: PATH, query: query(each), signal })));
    return { ...of, days: days.rows };
  }, { every: EVERY_MS });
  return {
    resources: [usage],
    change({ query: next }) {
      asked = next;
      usage.reset();
    },
    draw: () => html`<header class="line spread"><h1>Usage</h1>
        <div class="line">${choices(asked, usage.data, everybody())}${code({ path: PATH, query: query(by()) }, "Reading what was used", "Code")}</div></header>
      ${region(usage, (data) => draw(data, usage), { label: "what was used", rows: 4 })}`,
  };
}

function choices({ days, tenant }, data, everybody) {
  const choose = (name) => ({ target }) => go(href("usage", "", { days, tenant, [name]: target.value }));
  const known = [...new Set([session.me?.tenant, tenant, ...(data?.rows.map((each) => each.tenant) ?? [])])].filter(Boolean);
  return html`<div class="filters"><div class="fields">
    ${everybody ? html`<label>Whose<select @change=${choose("tenant")}><option value="" ?selected=${!tenant}>everybody's</option>
      ${known.map((each) => html`<option ?selected=${each === tenant}>${each}</option>`)}</select></label>` : nothing}
    <label>Days<select @change=${choose("days")}>${DAYS.map((each) => html`<option value=${each} ?selected=${each === (Number(days) || USUAL)}>last ${each}</option>`)}</select></label>
  </div></div>`;
}

function draw(data, resource) {
  return html`${sums(data)}${quotas(data, resource)}${perDay(data)}${table(data)}`;
}

function sums({ total, uploads, uploaded_bytes: uploaded, stored_bytes: stored }) {
  const all = [
    ["runs", count(total.runs)], ["processor", span(total.cpu_seconds)], ["run time", span(total.run_seconds)], ["media", span(total.media_seconds)],
    ["read", bytes(total.bytes_read)], ["written", bytes(total.bytes_written)], ["uploads", html`${count(uploads)}<small class="muted"> ${bytes(uploaded)}</small>`],
    ...(stored === null ? [] : [["stored now", bytes(stored)]]),
  ];
  return html`<ul class="tiles">${all.map(([name, value]) => html`<li class="plain"><span>${name}</span><strong>${value}</strong></li>`)}</ul>`;
}

function quotas({ tenant, quotas: all }, resource) {
  const change = isOperator() && may("admin") && tenant
    ? html`<button type="button" @click=${() => changeTenant(tenant, resource)}>Quotas of ${tenant}…</button>` : nothing;
  if (!all.length) return change === nothing ? nothing : html`<p class="line"><span class="muted">No quota holds for ${tenant}.</span>${change}</p>`;
  return html`<section aria-labelledby="quotas"><header class="line spread"><h2 id="quotas">Quotas</h2>${change}</header>
    <table class="cards"><caption class="hidden">How quotas stand</caption><thead><tr><th scope="col">Quota</th><th scope="col">Used</th></tr></thead>
      <tbody>${all.map(({ name, limit, used }) => {
        const write = quotaNumber(name);
        return html`<tr><th scope="row" data-label="Quota">${quotaName(name)}</th><td data-label="Used">${meter(used, Math.max(1, limit), html`${write(used)} of ${write(limit)}${
          used >= limit ? html` <strong class="bad">reached</strong>` : nothing}`, quotaName(name))}</td></tr>`;
      })}</tbody></table></section>`;
}

/** Processor seconds by day as bars; days without any are gaps. */
function perDay({ from, to, days }) {
  if (!days.length) return nothing;
  const first = Date.parse(from);
  const number = Math.round((Date.parse(to) - first) / DAY_MS) + 1;
  const most = Math.max(...days.map((each) => each.cpu_seconds), 0.001);
  const width = 100 / number;
  return html`<figure class="panel"><figcaption class="line spread"><h2>Processor time a day</h2><span class="muted">at most ${span(most)}</span></figcaption>
    <svg class="days" width="100%" height="72" role="img" aria-label="Processor time by day, ${from} to ${to}; at most ${span(most)}.">${days.map((each) => {
      const high = Math.max(1.5, (70 * each.cpu_seconds) / most);
      return svg`<rect x="${width * Math.round((Date.parse(each.day) - first) / DAY_MS)}%" y="${72 - high}" width="${width * 0.8}%" height="${high}"><title>${each.day}: ${span(each.cpu_seconds)}, ${count(each.runs)} runs</title></rect>`;
    })}</svg><p class="line spread muted"><span>${from}</span><span>${to}</span></p></figure>`;
}

function table({ rows }) {
  if (!rows.length) return html`<div class="empty"><p>Nothing was run in these days.</p></div>`;
  const whose = rows.some((each) => each.tenant);
  return html`<table class="cards"><caption class="hidden">What runs have used, by type</caption>
    <thead><tr>${whose ? html`<th scope="col">Tenant</th>` : nothing}<th scope="col">Type</th><th scope="col" class="number">Runs</th><th scope="col" class="number">Processor</th>
      <th scope="col" class="number">Run time</th><th scope="col" class="number">Media</th><th scope="col" class="number">Read</th><th scope="col" class="number">Written</th>
      <th scope="col" class="number">Most memory</th></tr></thead>
    <tbody>${[...rows].sort((one, other) => other.cpu_seconds - one.cpu_seconds).map((each) => html`<tr>
      ${whose ? html`<td data-label="Tenant"><strong>${each.tenant}</strong></td>` : nothing}
      <th scope="row" data-label="Type">${each.type}</th>
      <td data-label="Runs" class="number">${count(each.runs)}</td>
      <td data-label="Processor" class="number">${span(each.cpu_seconds)}</td>
      <td data-label="Run time" class="number">${span(each.run_seconds)}</td>
      <td data-label="Media" class="number">${each.media_seconds ? span(each.media_seconds) : "–"}</td>
      <td data-label="Read" class="number">${bytes(each.bytes_read)}</td>
      <td data-label="Written" class="number">${bytes(each.bytes_written)}</td>
      <td data-label="Memory" class="number">${bytes(each.peak_memory_bytes)}</td></tr>`)}</tbody></table>`;
}
