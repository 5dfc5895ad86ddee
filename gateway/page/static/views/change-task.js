// Changing a task that waits: how urgent it is, when it is due, what it is known by.

import { call } from "../api.js";
import { html, nothing } from "../lit.js";
import { code } from "../parts/action.js";
import { announce } from "../parts/announce.js";
import { closeDialog, openDialog, readFirst } from "../parts/dialog.js";
import { inputs } from "../parts/form.js";
import { failure } from "../parts/region.js";
import { loadSpec, members } from "../spec.js";
import { update } from "../update.js";

const NAMES = ["priority", "background", "scheduled_at", "tags"];

/** A dialog; what is left as it is, is not sent. `done` is called after. */
export async function changeTask(task, done) {
  if (!(await readFirst(loadSpec))) return; // it names what can be changed
  const before = { ...(!task.background && { priority: task.priority }), background: task.background, tags: task.tags, ...(task.status === "scheduled" && { scheduled_at: task.scheduled_at }) };
  const values = structuredClone(before);
  const state = { problem: null, sending: false };
  const schemas = members("ChangeTask");
  const changed = () => Object.fromEntries(NAMES.map((name) => [name, values[name] ?? (name === "tags" ? [] : undefined)])
    .filter(([name, value]) => value !== undefined && JSON.stringify(value) !== JSON.stringify(before[name])));
  const request = () => ({ method: "PATCH", path: `/api/tasks/${task.id}`, body: changed() });
  const send = async (event) => {
    event.preventDefault();
    Object.assign(state, { sending: true, problem: null });
    try {
      await call(request());
      announce("The task is changed.");
      close();
      done();
    } catch (problem) {
      Object.assign(state, { problem, sending: false });
    }
    update();
  };
  const close = openDialog(`Change this ${task.type}`, () => html`<form class="stack" @submit=${send}>
    ${inputs(schemas, NAMES.filter((each) => schemas[each]), values, "change")}
    ${state.problem ? failure(state.problem) : nothing}
    <footer>${code(request(), "Changing this task")}<button type="button" @click=${closeDialog}>Back</button>
      <button class="primary" ?disabled=${state.sending || !Object.keys(changed()).length}>Save</button></footer></form>`);
}
