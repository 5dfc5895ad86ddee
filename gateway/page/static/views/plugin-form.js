// A tenant's settings of a plugin: a form made of the plugin's schema. Secrets are shown masked, and kept as they are.

import { call } from "../api.js";
import { html, nothing } from "../lit.js";
import { announce } from "../parts/announce.js";
import { action, code } from "../parts/action.js";
import { closeDialog, openDialog } from "../parts/dialog.js";
import { defects, fields } from "../parts/form.js";
import { failure } from "../parts/region.js";
import { update } from "../update.js";

/** A dialog with the settings of `plugin`, which has those that are in force beside its schema. */
export function changeSettings({ name, config_schema: schema, settings, settings_error: unreadable }, done) {
  const config = structuredClone(settings?.config ?? {});
  const state = { problem: unreadable ? { status: 409, message: unreadable } : null, sending: false };
  const path = `/api/plugins/${encodeURIComponent(name)}/config`;
  const request = { method: "PUT", path, body: { config } };
  const end = () => {
    close();
    done();
  };
  const send = async (event) => {
    event.preventDefault();
    Object.assign(state, { sending: true, problem: null });
    update();
    try {
      await call(request);
      announce(`The settings of ${name} are kept, for every run from now on.`);
      end();
    } catch (problem) {
      Object.assign(state, { problem, sending: false });
    }
    update();
  };
  const close = openDialog(`Settings of ${name}`, () => html`<form class="stack" @submit=${send}>
    <p class="muted">They are your own, and take the place of the operator's. What is secret is encrypted, and not shown again.</p>
    ${fields(schema, config, "setting")}
    ${state.problem ? html`${failure(state.problem)}${defects(state.problem)}` : nothing}
    <footer>${code(request, `Setting up ${name}`)}
      ${unreadable || settings.source === "tenant" ? action({
        label: "Forget", of: `the settings of ${name}`, kind: "danger", request: { method: "DELETE", path }, said: `The settings of ${name} are forgotten.`, done: end,
        failed: (problem) => Object.assign(state, { problem }),
      }) : nothing}
      <button type="button" @click=${closeDialog}>Back</button>
      <button class="primary" ?disabled=${state.sending}>Save</button></footer></form>`, { wide: true });
}
