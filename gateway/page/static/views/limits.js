// Changing a queue's limits: those that the API document names.

import { call } from "../api.js";
import { html, nothing } from "../lit.js";
import { announce } from "../parts/announce.js";
import { code } from "../parts/action.js";
import { closeDialog, openDialog, readFirst } from "../parts/dialog.js";
import { failure } from "../parts/region.js";
import { loadSpec, members } from "../spec.js";
import { update } from "../update.js";
import { whatIf } from "./what-if.js";

const LABELS = {
  rate: "Starts per second", burst: "Starts at once after a quiet time", concurrency: "Running at the same time",
  tenant_rate: "Starts per second of a tenant", tenant_burst: "Starts of a tenant at once after a quiet time",
  tenant_concurrency: "Running of a tenant", group_concurrency: "Running of a group", aging_seconds: "Seconds to rise a level",
};
/** What all share; the rest is folded. */
const FIRST = ["rate", "burst", "concurrency"];

/** The same for the queue of a type, as it is now. */
export async function changeLimitsOf(type, resource) {
  let queues;
  const read = async () => ({ queues } = await call({ path: "/api/queues" }));
  if (await readFirst(read)) await changeLimits(queues.find((each) => each.type === type), resource);
}

/** A dialog with the limits of `queue`; what is left as it is, is not sent. */
export async function changeLimits(queue, resource) {
  if (!(await readFirst(loadSpec))) return; // it names the limits
  const path = `/api/queues/${encodeURIComponent(queue.type)}`;
  const fields = Object.entries(members("QueueChange")).filter(([name]) => LABELS[name] && queue[name] !== undefined);
  const values = Object.fromEntries(fields.map(([name]) => [name, queue[name]]));
  const [first, more] = [true, false].map((wanted) => fields.filter(([name]) => FIRST.includes(name) === wanted));
  const state = { values, problem: null, sending: false };
  const forecast = whatIf();
  const request = () => ({ method: "PATCH", path, body: changed(queue, values) });
  const send = async (event) => {
    event.preventDefault();
    state.sending = true;
    try {
      await call(request());
      announce(`The limits of ${queue.type} are changed, for every worker.`);
      close();
      resource.refresh();
    } catch (problem) {
      Object.assign(state, { problem, sending: false });
    }
    update();
  };
  const changing = () => {
    state.problem = null;
    const change = changed(queue, values);
    forecast.ask(Object.keys(change).length ? { limits: { [queue.type]: change } } : {});
  };
  const close = openDialog(`Limits of ${queue.type}`, () => html`<form class="stack" @submit=${send} @input=${changing}>
    ${first.map((each) => field(each, values))}
    ${more.length ? html`<details><summary>For each tenant and group</summary><div class="stack two">${more.map((each) => field(each, values))}</div></details>` : nothing}
    ${state.problem ? failure(state.problem) : forecast.draw()}
    <footer>${code(request(), `Changing ${queue.type}`)}
      <button type="button" @click=${closeDialog}>Back</button>
      <button class="primary" ?disabled=${state.sending || !Object.keys(changed(queue, values)).length}>Save</button></footer>
  </form>`, { wide: true });
}

function field([name, schema], values) {
  const types = [schema.type].flat();
  const optional = types.includes("null");
  const set = (event) => {
    values[name] = event.target.value === "" ? null : Number(event.target.value);
    update();
  };
  return html`<label>${LABELS[name]}<input name=${name} type="number" step=${types.includes("integer") ? 1 : 0.001} min=${schema.minimum ?? nothing} .value=${values[name] ?? ""}
    ?required=${!optional} placeholder=${optional ? "no limit" : ""} @input=${set}>
    ${optional ? html`<small class="muted">Empty: no limit.</small>` : nothing}</label>`;
}

function changed(queue, values) {
  return Object.fromEntries(Object.entries(values).filter(([name, value]) => value !== queue[name]));
}
