// A button that sends one request, with the same request beside it as a line for curl, Python and JavaScript.

import { call } from "../api.js";
import { html, nothing } from "../lit.js";
import { may } from "../session.js";
import { snippets } from "../snippets.js";
import { update } from "../update.js";
import { announce } from "./announce.js";
import { copyButton } from "./copy.js";
import { closeDialog, openDialog } from "./dialog.js";
import { failure } from "./region.js";
import { icon } from "./icons.js";

const running = new Set();

/**
 * `label` on the button, `of` names what it is done to, `request` is what is sent. `confirm` is a question that is asked
 * before; `done(answer)` or `failed(problem)` is called after, and `said` is what is announced when it is done.
 */
export function action({ label, of = "", request, confirm, done, failed, said, kind = "", disabled = false }) {
  if ((request.method ?? "GET") !== "GET" && !may("write")) return nothing;
  const id = JSON.stringify([request.method, request.path, request.query, request.body]);
  const name = of ? `${label} ${of}` : label;
  const send = () => perform(id, request, { done, failed, said: said ?? `${name}: done.` });
  const press = () => (confirm ? ask(name, confirm, label, send, kind) : send());
  return html`<span class="action">
    <button type="button" class=${kind} ?disabled=${disabled || running.has(id)} aria-label=${name} @click=${press}>${label}</button>${code(request, name)}
  </span>`;
}

/** The button that shows a request as lines to copy; where it stands beside no button, `label` says so. */
export function code(request, name, label = "") {
  return html`<button type="button" class="quiet code" aria-label="${name} as code" title="As curl, Python, JavaScript"
    @click=${() => openDialog(name, () => lines(request), { wide: true })}>${icon("code")}${label}</button>`;
}

/** The lines themselves. */
export function lines(request) {
  return html`<p class="muted">Put your key into the variable <code>KEY</code> first: <code>export KEY=…</code></p>
    ${Object.entries(snippets(request)).map(([language, text]) => html`<section class="copyable snippet">
      <header><h3>${language}</h3>${copyButton(text, `${language} line`)}</header>
      <pre tabindex="0" aria-label="${language} line"><code>${text}</code></pre>
    </section>`)}`;
}

/** Asks first; the dialog stays open with the reason when it fails. */
export function ask(title, question, label, send, kind = "primary") {
  const state = { problem: null, sending: false };
  const yes = async () => {
    state.sending = true;
    const problem = await send();
    Object.assign(state, { problem, sending: false });
    if (problem) update();
    else close();
  };
  const close = openDialog(title, () => html`<p>${question}</p>${state.problem ? failure(state.problem) : nothing}
    <footer><button type="button" @click=${closeDialog}>Back</button>
      <button type="button" class="${kind || "primary"}" ?disabled=${state.sending} @click=${yes}>${label}</button></footer>`);
}

async function perform(id, request, { done, failed, said }) {
  if (running.has(id)) return null;
  running.add(id);
  update();
  try {
    const answer = await call(request);
    announce(typeof said === "function" ? said(answer) : said);
    done?.(answer);
    return null;
  } catch (problem) {
    announce(problem.message);
    failed?.(problem);
    return problem;
  } finally {
    running.delete(id);
    update();
  }
}
