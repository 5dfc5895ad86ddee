// Making an API key, which is shown once.

import { call } from "../api.js";
import { html, nothing } from "../lit.js";
import { code } from "../parts/action.js";
import { copyButton } from "../parts/copy.js";
import { closeDialog, openDialog, readFirst } from "../parts/dialog.js";
import { failure } from "../parts/region.js";
import { loadSpec, members } from "../spec.js";
import { update } from "../update.js";

export async function newKey(done) {
  if (!(await readFirst(loadSpec))) return; // it names the scopes
  const body = { name: "", scopes: ["read"] };
  const state = { problem: null, sending: false };
  const request = { method: "POST", path: "/api/keys", body };
  const offered = members("CreateKey").scopes?.items?.enum ?? ["read", "write", "admin"];
  const send = async (event) => {
    event.preventDefault();
    Object.assign(state, { sending: true, problem: null });
    try {
      const made = await call(request);
      done();
      showKey(made.key);
    } catch (problem) {
      Object.assign(state, { problem, sending: false });
    }
    update();
  };
  const set = (name, make = (value) => value) => (event) => {
    if (event.target.value) body[name] = make(event.target.value);
    else delete body[name];
    update();
  };
  const toggle = (name) => (event) => {
    body.scopes = offered.filter((each) => (each === name ? event.target.checked : body.scopes.includes(each)));
    update();
  };
  openDialog("New key", () => html`<form class="stack" @submit=${send}>
    <label>Name<input name="name" required maxlength="100" @input=${set("name")}></label>
    <fieldset><legend>Scopes</legend><div class="checks">${offered.map((each) => html`<label class="check"><input type="checkbox"
      .checked=${body.scopes.includes(each)} @change=${toggle(each)}>${each}</label>`)}</div></fieldset>
    <label>Tenant<input name="tenant" placeholder="your own" autocomplete="off" spellcheck="false" @input=${set("tenant")}></label>
    <label>Last day<input name="expires_at" type="date" @input=${set("expires_at")}><small class="muted">Empty: it does not end.</small></label>
    ${state.problem ? failure(state.problem) : nothing}
    <footer>${code(request, "Creating a key")}<button type="button" @click=${closeDialog}>Back</button>
      <button class="primary" ?disabled=${state.sending || !body.scopes.length}>Create</button></footer></form>`);
}

/** The key itself; it cannot be read again. */
export function showKey(key) {
  openDialog("The key", () => html`<p>It is shown this once.</p>
    <p class="copyable secret"><code>${key}</code>${copyButton(key, "key")}</p>
    <footer><button type="button" class="primary" @click=${closeDialog}>Done</button></footer>`);
}
