// One act on all tasks that match: how many there are is said first, then the gateway does it, also when this page is left.

import { call } from "../api.js";
import { count, plural } from "../format.js";
import { html, nothing } from "../lit.js";
import { code } from "../parts/action.js";
import { closeDialog, openDialog } from "../parts/dialog.js";
import { failure } from "../parts/region.js";
import { update } from "../update.js";

const PATH = "/api/operations";
const EVERY_MS = 300;
const WORDS = {
  retry: { action: "retry", label: "Retry", done: "due again", kind: "primary", force: "Also those whose retries are used up, with one more each" },
  cancel: { action: "cancel", label: "Cancel", done: "cancelled", kind: "danger", force: "Also stop those that run" },
  stop: { action: "cancel", label: "Stop", done: "stopped", kind: "danger", always: true },
  delete: { action: "delete", label: "Delete", done: "deleted", kind: "danger" },
};

/** `filter` is that of an operation, `which.words(number)` says which tasks these are; `finished` is called at the end. */
export function actOn(verb, filter, which, finished) {
  const words = WORDS[verb];
  const state = { step: "count", force: Boolean(words.always), operation: null, problem: null };
  const request = (dryRun) => ({ method: "POST", path: PATH, body: {
    action: words.action, filter, ...(state.force && { force: true }), ...(dryRun && { dry_run: true }),
  } });
  openDialog(`${words.label} ${which.title}`, () => ({ count: counting, ask: asking, work: working, end: ending })[state.step]());

  /** Begins an operation and follows it to its end. */
  const run = async (step, next, dryRun) => {
    Object.assign(state, { step, operation: null, problem: null });
    update();
    try {
      state.operation = await call(request(dryRun));
      while (state.operation.status === "running") {
        update();
        await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
        state.operation = await call({ path: `${PATH}/${state.operation.id}` });
      }
    } catch (problem) {
      state.problem = problem;
    }
    state.step = next;
    if (next === "end") finished();
    update();
  };
  const recount = (event) => {
    state.force = event.target.checked;
    run("count", "ask", true);
  };

  const counting = () => html`<p role="status">Counting… ${progress(state.operation)}</p>`;

  const asking = () => html`${state.problem ? failure(state.problem) : html`<p>${state.operation.done
      ? html`${words.label} ${which.words(state.operation.done)}?` : `There is nothing to ${words.label.toLowerCase()}.`}</p>`}
    ${left(state.operation)}
    ${words.force ? html`<label class="check"><input type="checkbox" .checked=${state.force} @change=${recount}>${words.force}</label>` : nothing}
    ${verb === "delete" ? html`<p>Their results and the files that plugins have made in them go with them. It cannot be undone.</p>` : nothing}
    <footer>${code(request(false), `${words.label} ${which.title}`)}<button type="button" @click=${closeDialog}>Back</button>
      <button type="button" class=${words.kind} ?disabled=${!state.operation?.done} @click=${() => run("work", "end", false)}>${words.label} ${count(state.operation?.done ?? 0)}</button></footer>`;

  const stop = () => call({ method: "POST", path: `${PATH}/${state.operation.id}/cancel` }).catch((problem) => Object.assign(state, { problem }));
  const working = () => html`<p role="status">${count(state.operation?.done ?? 0)} ${words.done}</p>${progress(state.operation)}
    <footer><button type="button" ?disabled=${!state.operation} @click=${stop}>Stop here</button></footer>`;

  const ending = () => html`${state.problem ? failure(state.problem) : nothing}
    ${state.operation ? html`<p><strong>${plural(state.operation.done, "task")}</strong> ${words.done}${state.operation.status === "cancelled" ? ", then stopped" : ""}.</p>` : nothing}
    ${left(state.operation)}
    <footer><button type="button" class="primary" @click=${closeDialog}>Close</button></footer>`;

  run("count", "ask", true);
}

function progress(operation) {
  if (!operation?.candidates) return nothing;
  return html`<progress max=${operation.candidates} .value=${operation.examined} aria-label="How far it is"></progress>`;
}

/** Those with which it cannot be done, and why. */
function left(operation) {
  const reasons = Object.entries(operation?.reasons ?? {});
  if (!reasons.length) return nothing;
  return html`<p>${plural(operation.skipped + operation.failed, "task")} not:</p>
    <ul class="plain-list">${reasons.map(([why, times]) => html`<li>${count(times)} × ${why.replaceAll("_", " ")}</li>`)}</ul>`;
}
