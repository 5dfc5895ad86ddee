// Making a webhook, and its secret, which is shown once.

import { call } from "../api.js";
import { html, nothing } from "../lit.js";
import { code } from "../parts/action.js";
import { copyButton } from "../parts/copy.js";
import { closeDialog, openDialog, readFirst } from "../parts/dialog.js";
import { failure } from "../parts/region.js";
import { loadSpec, members } from "../spec.js";
import { update } from "../update.js";

export async function newWebhook(resource) {
  if (!(await readFirst(loadSpec))) return; // it names the events
  const body = { url: "", events: ["task.completed", "task.failed"], description: "" };
  const state = { problem: null, sending: false };
  const request = { method: "POST", path: "/api/webhooks", body };
  const offered = members("CreateWebhook").events?.items?.enum ?? body.events;
  const send = async (event) => {
    event.preventDefault();
    Object.assign(state, { sending: true, problem: null });
    try {
      const { secret } = await call(request);
      resource.refresh();
      showSecret(secret);
    } catch (problem) {
      Object.assign(state, { problem, sending: false });
    }
    update();
  };
  const set = (name) => (event) => {
    body[name] = event.target.value;
    update();
  };
  const toggle = (name) => (event) => {
    body.events = offered.filter((each) => (each === name ? event.target.checked : body.events.includes(each)));
    update();
  };
  openDialog("New webhook", () => html`<form class="stack" @submit=${send}>
    <label>URL<input name="url" type="url" required placeholder="https://example.com/hook" @input=${set("url")}></label>
    <fieldset><legend>Events</legend><div class="checks">${offered.map((each) => html`<label class="check"><input type="checkbox"
      .checked=${body.events.includes(each)} @change=${toggle(each)}>${each}</label>`)}</div></fieldset>
    <label>Description<input name="description" maxlength="500" @input=${set("description")}></label>
    ${state.problem ? failure(state.problem) : nothing}
    <footer>${code(request, "Creating a webhook")}<button type="button" @click=${closeDialog}>Back</button>
      <button class="primary" ?disabled=${state.sending || !body.events.length}>Create</button></footer></form>`);
}

/** The signing secret; it cannot be read again. */
export function showSecret(secret) {
  openDialog("Its signing secret", () => html`<p>It verifies signatures, and is shown this once.</p>
    <p class="copyable secret"><code>${secret}</code>${copyButton(secret, "secret")}</p>
    <footer><button type="button" class="primary" @click=${closeDialog}>Done</button></footer>`);
}
