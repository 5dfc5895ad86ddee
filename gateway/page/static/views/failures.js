// What fails, in groups of the same cause, so that a hundred alike are one line.

import { call } from "../api.js";
import { count, plural, short, when } from "../format.js";
import { html, nothing, repeat } from "../lit.js";
import { action, code } from "../parts/action.js";
import { region } from "../parts/region.js";
import { Resource } from "../resource.js";
import { href } from "../route.js";
import { may } from "../session.js";
import { keep, task as known } from "../store.js";
import { mediaOf, upload } from "../upload-names.js";
import { actOn } from "./bulk.js";

export const title = "Failures";
const PATH = "/api/failures";
const MOST = 100;
const AFTER_EVENT_MS = 1000;
const STATES = { open: "Open", resolved: "Resolved", ignored: "Ignored" };
const NONE = { open: "Nothing has failed.", resolved: "No cause was called resolved.", ignored: "No cause is ignored." };

export function open(at) {
  let state = chosen(at);
  const failures = new Resource(async (signal) => {
    const found = await call({ path: PATH, query: { state, limit: MOST }, signal });
    await readNewest(found.failures, signal);
    return found;
  });
  let soon = 0;
  return {
    resources: [failures],
    close: () => clearTimeout(soon),
    change(to) {
      state = chosen(to);
      failures.reset();
    },
    event(event) {
      if (event.kind === "status" && event.status === "failed") {
        clearTimeout(soon);
        soon = setTimeout(() => failures.refresh(), AFTER_EVENT_MS);
      }
    },
    draw: () => html`<header class="line spread"><h1>Failures</h1>${code({ path: PATH, query: { state } }, "Reading failures", "Code")}</header>
      <nav aria-label="State"><ul class="chips">${Object.entries(STATES).map(([name, label]) => html`<li>
        <a href=${href("failures", "", { state: name === "open" ? "" : name })} aria-current=${name === state ? "true" : nothing}>${label}</a></li>`)}</ul></nav>
      ${region(failures, (data) => groups(data, () => failures.refresh()), {
        label: "failures", isEmpty: (data) => !data.total, empty: html`<p>${NONE[state]}</p>`,
      })}`,
  };
}

/** The newest task of each cause, which tells the file that it is about. */
async function readNewest(failures, signal) {
  const ids = failures.flatMap(({ task_ids: [newest] }) => newest ?? []);
  if (!ids.length) return;
  const asked = Date.now();
  const page = await call({ path: "/api/tasks", query: { ids: ids.join(","), limit: MOST }, signal }).catch(() => null);
  if (page) keep(page.tasks, asked);
}

function chosen({ query }) {
  return STATES[query.state] ? query.state : "open";
}

function groups({ total, failures }, again) {
  return html`<p><strong>${plural(total, "cause")}</strong>${failures.length < total ? html`, the last ${count(failures.length)} of them` : nothing}</p>
    <table class="cards failures"><caption class="hidden">Failures by cause, the last first</caption>
      <thead><tr><th scope="col">Cause</th><th scope="col">Type</th><th scope="col" class="number">Times</th><th scope="col" class="number">First</th>
        <th scope="col" class="number">Last</th><th scope="col"><span class="hidden">Actions</span></th></tr></thead>
      <tbody>${repeat(failures, (each) => each.id, (each) => row(each, again))}</tbody></table>`;
}

function row(group, again) {
  const { id, type, message, state } = group;
  const tasks = href("tasks", "", { status: "failed", failure_id: id });
  const path = `${PATH}/${id}`;
  const file = upload(mediaOf(known(group.task_ids[0]) ?? {}));
  const change = (label, verb, said) => action({ label, of: message, request: { method: "POST", path: `${path}/${verb}` }, said, done: again });
  return html`<tr data-row>
    <th scope="row" data-label="Cause" class="cause">${message}${group.regressed_at ? html`<div class="muted">again since ${when(group.regressed_at)}, after it was resolved</div>` : nothing}
      ${file ? html`<div class="muted">${group.count > 1 ? "last with" : "with"} <a href=${href("media", `${file.kind}/${file.id}`)}>${file.filename}</a></div>` : nothing}</th>
    <td data-label="Type">${type}</td>
    <td data-label="Times" class="number"><a data-open href=${tasks} aria-label="${plural(group.count, "failure")}: ${message}">${count(group.count)}</a>
      ${group.task_ids.length ? html`<a href=${href("tasks", group.task_ids[0])}><code>${short(group.task_ids[0])}</code></a>` : nothing}</td>
    <td data-label="First" class="number">${when(group.first_at)}</td>
    <td data-label="Last" class="number">${when(group.last_at)}</td>
    <td class="actions">${may("write") ? html`<button type="button" aria-label="Retry: ${message}" @click=${() => retry(group, again)}>Retry…</button>` : nothing}
      ${state === "open" ? html`${change("Resolve", "resolve", "It is resolved; should it fail so again, it is open again.")}${change("Ignore", "ignore", "It is ignored.")}`
        : change("Reopen", "reopen", "It is open again.")}</td></tr>`;
}

/** Those of the group that have failed and were not retried since. */
function retry({ id, type }, again) {
  actOn("retry", { failure_id: id, type }, { title: "a cause", words: (number) => (number === 1 ? "the 1 task of this cause" : `all ${count(number)} tasks of this cause`) }, again);
}
