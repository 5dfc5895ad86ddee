// What is put aside, and putting aside.

import { call } from "../api.js";
import { count, when } from "../format.js";
import { html, nothing, repeat } from "../lit.js";
import { action, code } from "../parts/action.js";
import { announce } from "../parts/announce.js";
import { closeDialog, openDialog, readFirst } from "../parts/dialog.js";
import { inputs } from "../parts/form.js";
import { failure, region } from "../parts/region.js";
import { Resource } from "../resource.js";
import { has, loadSpec, members } from "../spec.js";
import { update } from "../update.js";

const EVERY_MS = 5000;
const FITS = ["type", "tenant", "group", "tag", "media_id"];

/** {resource, draw}: a section, where this gateway knows holds. */
export function holds() {
  const resource = new Resource(async (signal) => {
    await loadSpec();
    return has("GET", "/api/holds") ? call({ path: "/api/holds", signal }) : null;
  }, { every: EVERY_MS });
  return {
    resource,
    draw: () => (resource.data === null ? nothing : html`<section aria-labelledby="holds"><header class="line spread"><h2 id="holds">Put aside</h2>
        <button type="button" @click=${() => putAside(resource)}>Put work aside…</button></header>
      ${region(resource, (data) => table(data.holds, resource), { label: "what is put aside", rows: 1,
        isEmpty: (data) => !data.holds.length, empty: html`<p>Nothing is put aside.</p>` })}</section>`),
  };
}

function table(all, resource) {
  return html`<table class="cards"><caption class="hidden">What is put aside, oldest first</caption>
    <thead><tr><th scope="col">Reason</th><th scope="col">What</th><th scope="col" class="number">Tasks</th><th scope="col" class="number">Since</th>
      <th scope="col"><span class="hidden">Actions</span></th></tr></thead>
    <tbody>${repeat(all, (each) => each.id, (each) => html`<tr data-row>
      <th scope="row" data-label="Reason">${each.reason}</th>
      <td data-label="What">${FITS.filter((name) => each[name]).map((name) => `${name} ${each[name]}`).join(", ")}</td>
      <td data-label="Tasks" class="number">${count(each.held)}${each.settled ? nothing : html`<span class="muted"> and more</span>`}</td>
      <td data-label="Since" class="number">${when(each.created_at)}</td>
      <td class="actions">${action({
        label: "Let go", of: each.reason, request: { method: "DELETE", path: `/api/holds/${each.id}` }, said: "It goes on.", done: () => resource.refresh(),
      })}</td></tr>`)}</tbody></table>`;
}

async function putAside(resource) {
  if (!(await readFirst(loadSpec))) return; // it names what can be put aside
  const body = {};
  const state = { problem: null };
  const request = { method: "POST", path: "/api/holds", body };
  const schemas = members("NewHold");
  const send = async (event) => {
    event.preventDefault();
    try {
      await call(request);
      announce("It is put aside.");
      close();
      resource.refresh();
    } catch (problem) {
      state.problem = problem;
    }
    update();
  };
  const close = openDialog("Put work aside", () => html`<form class="stack" @submit=${send}>
    <p class="muted">What fits all of this waits until it is let go, also what comes later. What runs goes on.</p>
    ${inputs(schemas, [...FITS.filter((name) => schemas[name]), "reason"], body, "hold", ["reason"])}
    ${state.problem ? failure(state.problem) : nothing}
    <footer>${code(request, "Putting work aside")}<button type="button" @click=${closeDialog}>Back</button><button class="primary">Put aside</button></footer></form>`);
}
