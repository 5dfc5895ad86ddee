// What narrows the list down; all of it stands in the address, so every list is a link.

import { count } from "../format.js";
import { html, nothing } from "../lit.js";
import { go, goQuietly, href } from "../route.js";
import { parameter, types } from "../spec.js";
import { STATUSES, status as statusWord } from "../parts/status.js";

const SINCE = { "900": "15 minutes", "3600": "1 hour", "86400": "24 hours", "604800": "7 days" };
/** Filters that are offered where the API has them. */
const TEXTS = { error: "Error", flow: "Flow", tag: "Tag", group: "Group", media_id: "File", unique_key: "Unique key", failure_id: "Cause" };
const MORE = ["start_date", "end_date", ...Object.keys(TEXTS)];
const NAMES = ["status", "type", ...MORE];

/** The filters of an address that the API knows; `since` (seconds) becomes a moment. */
export function queryOf(query) {
  const known = Object.fromEntries(Object.entries(query).filter(([name, value]) => NAMES.includes(name) && value));
  if (!SINCE[query.since]) return known;
  const start = new Date(Date.now() - Number(query.since) * 1000).toISOString();
  return Object.defineProperty({ ...known, start_date: start }, "since", { value: query.since });
}

export function filters(query, stats) {
  const link = (change) => href("tasks", "", { ...query, start_date: query.since ? "" : query.start_date, since: query.since, ...change });
  return html`<div class="filters">
    <nav aria-label="Status"><ul class="chips">
      <li><a href=${link({ status: "" })} aria-current=${query.status ? nothing : "true"}>All ${number(stats?.total)}</a></li>
      ${STATUSES.map((each) => html`<li><a class=${stats?.by_status[each] ? "" : "none"} href=${link({ status: each })} aria-current=${query.status === each ? "true" : nothing}>
        ${statusWord(each)} ${number(stats?.by_status[each])}</a></li>`)}
    </ul></nav>
    <div class="fields">
      <label>Type<select .value=${query.type ?? ""} @change=${(event) => go(link({ type: event.target.value }))}>
        <option value="">all</option>${choices(query.type).map((each) => html`<option ?selected=${each === query.type}>${each}</option>`)}
      </select></label>
      <label>Created<select @change=${(event) => go(link({ since: event.target.value, start_date: "", end_date: "" }))}>
        <option value="" ?selected=${!query.since}>any time</option>
        ${Object.entries(SINCE).map(([seconds, words]) => html`<option value=${seconds} ?selected=${seconds === query.since}>last ${words}</option>`)}
      </select></label>
    </div>
    <details ?open=${MORE.some((name) => query[name] && !(query.since && name === "start_date"))}><summary>More filters</summary><div class="fields">
      ${day("From", "start_date", query, link)}${day("To", "end_date", query, link)}
      ${Object.entries(TEXTS).map(([name, label]) => text(name, label, query, link))}
    </div></details>
  </div>`;
}

function number(value) {
  return value === undefined ? nothing : html`<span class="muted">${count(value)}</span>`;
}

function choices(chosen) {
  const all = types();
  return chosen && !all.includes(chosen) ? [chosen, ...all] : all;
}

function day(label, name, query, link) {
  const value = query.since ? "" : (query[name] ?? "").slice(0, 10);
  return html`<label>${label}<input type="date" .value=${value} @change=${(event) => go(link({ [name]: event.target.value, since: "" }))}></label>`;
}

function text(name, label, query, link) {
  if (!parameter("/api/tasks", name) && !query[name]) return nothing;
  return html`<label>${label}<input type="search" .value=${query[name] ?? ""} autocomplete="off"
    @change=${(event) => goQuietly(link({ [name]: event.target.value }))}></label>`;
}
