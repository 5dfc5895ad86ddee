// A tenant's share of the queues, its own caps and quotas; what a weight would change is looked at before it is saved.

import { call } from "../api.js";
import { html, nothing } from "../lit.js";
import { code } from "../parts/action.js";
import { announce } from "../parts/announce.js";
import { closeDialog, openDialog, readFirst } from "../parts/dialog.js";
import { failure } from "../parts/region.js";
import { quotaName } from "../quotas.js";
import { session } from "../session.js";
import { loadSpec, members, types } from "../spec.js";
import { update } from "../update.js";
import { whatIf } from "./what-if.js";

const CAPS = { rate: "Starts per second", burst: "Starts at once after a quiet time", concurrency: "Running at the same time" };
/** Stands for what holds for every tenant: of a cap, this is the API's word; a quota of it is left out. */
const USUAL = "type";
/** The quotas that the API knows. */
const quotaNames = () => Object.keys(members("TenantQuotas"));

/** A dialog for the tenant `name`, or with a field for it; `known` are offered; `resource` is read again after. */
export async function changeTenant(name, resource, known = []) {
  if (!(await readFirst(loadSpec))) return; // it names the types and the quotas: those that are not sent would be lost
  const state = { name, weight: 1, before: null, caps: {}, quotas: {}, problem: null, sending: false };
  const forecast = whatIf();
  const path = () => `/api/tenants/${encodeURIComponent(state.name)}`;
  const request = () => ({ method: "PUT", path: path(), body: settingsOf(state) });

  const read = async () => {
    const asked = state.name;
    Object.assign(state, { before: null, problem: null });
    try {
      const found = await call({ path: path() });
      if (asked === state.name) Object.assign(state, { before: found, weight: found.weight, caps: structuredClone(found.caps), quotas: { ...found.quotas } });
    } catch (problem) {
      if (asked === state.name) state.problem = problem;
    }
    update();
  };
  const choose = (event) => {
    state.name = event.target.value.trim();
    if (state.name) read();
  };
  const weigh = (event) => {
    Object.assign(state, { weight: Number(event.target.value), problem: null });
    forecast.ask(state.weight > 0 && state.weight !== state.before.weight ? { weights: { [state.name]: state.weight } } : {});
    update();
  };
  const send = async (event) => {
    event.preventDefault();
    state.sending = true;
    try {
      await call(request());
      announce(`The share of ${state.name} is changed, for every worker.`);
      close();
      resource.refresh();
    } catch (problem) {
      Object.assign(state, { problem, sending: false });
    }
    update();
  };

  const settings = () => html`<label>Weight<input name="weight" type="number" min=${members("TenantChange").weight?.minimum ?? 0.01} max="1000" step="any" required .value=${state.weight} @input=${weigh}>
      <small class="muted">With a weight of 2 it gets two turns where others that wait get one.</small></label>
    ${types().map((type) => html`<details ?open=${Boolean(state.before.caps[type])}><summary>Its limits of ${type}${state.caps[type] ? html` <span class="badge">own</span>` : nothing}</summary>
      <div class="stack two">${Object.entries(CAPS).map(([cap, label]) => capField(state, type, cap, label))}</div></details>`)}
    ${quotaNames().length ? html`<details ?open=${Object.keys(state.before.quotas ?? {}).length > 0}><summary>Its quotas</summary>
      <div class="stack two">${quotaNames().map((each) => quotaField(state, each))}</div></details>` : nothing}`;

  const close = openDialog(name ? `Share of ${name}` : "Share of a tenant", () => html`<form class="stack" @submit=${send}>
    ${name ? nothing : html`<label>Tenant<input name="tenant" required list="tenants" autocomplete="off" spellcheck="false" @change=${choose}>
      <datalist id="tenants">${[...new Set([...known, session.me.tenant])].map((each) => html`<option value=${each}></option>`)}</datalist></label>`}
    ${state.before ? settings() : nothing}
    ${state.problem ? failure(state.problem) : forecast.draw()}
    ${state.before && JSON.stringify(own(state.caps)) !== JSON.stringify(own(state.before.caps))
      ? html`<p class="muted">The forecast is of the weight alone; limits of its own hold with the next task that is started.</p>` : nothing}
    <footer>${state.before ? code(request(), `Changing the share of ${state.name}`) : nothing}<button type="button" @click=${closeDialog}>Back</button>
      <button class="primary" ?disabled=${state.sending || !state.before || !differs(state)}>Save</button></footer></form>`, { wide: true });
  if (name) read();
}

function capField(state, type, cap, label) {
  const set = (next) => (state.caps[type] = { ...state.caps[type], [cap]: next });
  const least = cap === "rate" ? 0.001 : 1;
  return choice(`cap-${type}-${cap}`, label, state.caps[type]?.[cap], set, { none: cap === "burst" ? "" : "no limit", least, step: least });
}

function quotaField(state, name) {
  return choice(`quota-${name}`, quotaName(name), state.quotas[name], (next) => (state.quotas[name] = next), { none: "no quota", least: 0, step: 1 });
}

/** As every tenant's, none (where `none` says so), or a number of its own. */
function choice(id, label, value = USUAL, change, { none, least, step }) {
  const kind = value === USUAL || value === null ? String(value) : "own";
  const set = (next) => {
    change(next);
    update();
  };
  const choose = (event) => set({ [USUAL]: USUAL, null: null, own: 1 }[event.target.value]);
  return html`<div class="cap"><label for=${id}>${label}</label>
    <span class="line"><select id=${id} @change=${choose}><option value=${USUAL} ?selected=${kind === USUAL}>as for all</option>
        ${none ? html`<option value="null" ?selected=${kind === "null"}>${none}</option>` : nothing}<option value="own" ?selected=${kind === "own"}>own</option></select>
      ${kind === "own" ? html`<input type="number" aria-label="${label}, its own" min=${least} step=${step} required .value=${value}
        @input=${(event) => set(event.target.value === "" ? USUAL : Number(event.target.value))}>` : nothing}</span></div>`;
}

/** What is sent: whatever is left out is as for every tenant. */
function settingsOf({ weight, caps, quotas }) {
  return { weight, caps: own(caps), ...(quotaNames().length && { quotas: ownOf(quotas) }) };
}

/** Without what is as for every tenant. */
function own(caps) {
  const kept = Object.entries(caps).map(([type, all]) => [type, ownOf(all)]);
  return Object.fromEntries(kept.filter(([, all]) => Object.keys(all).length));
}

function ownOf(all) {
  return Object.fromEntries(Object.entries(all ?? {}).filter(([, value]) => value !== USUAL));
}

function differs({ before, ...state }) {
  return JSON.stringify(settingsOf(state)) !== JSON.stringify(settingsOf(before));
}
