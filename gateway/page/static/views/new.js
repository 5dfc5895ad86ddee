// A new task: a form made of its type's schema, begun with the payload of a recent one.

import { call } from "../api.js";
import { sentence, span } from "../format.js";
import { html, nothing } from "../lit.js";
import { announce } from "../parts/announce.js";
import { action, lines } from "../parts/action.js";
import { defects, fields, inputs } from "../parts/form.js";
import { failure, region } from "../parts/region.js";
import { profiles } from "../profiles.js";
import { Resource } from "../resource.js";
import { go, href } from "../route.js";
import { has, loadSpec, members, payloadOf, types } from "../spec.js";
import { update } from "../update.js";
import { startSentence } from "./waiting.js";

export const title = "New task";
/** What a task is; all else that the API takes of one is an option. */
const ITSELF = ["type", "payload"];
const QUOTES = "/api/quotes";

export function open(at) {
  const state = { type: at.query.type ?? "", payload: {}, options: {}, begun: "", problem: null, sending: false, quote: null, quoted: "" };
  let begun = false;
  const ready = new Resource(async () => {
    await loadSpec();
    if (begun) return true; // after a gap, too, what is in the form stays
    if (at.query.from) await replay(state, at.query.from);
    else await choose(state, at.query.type || types()[0]);
    return (begun = true);
  });
  const plugins = new Resource((signal) => call({ path: "/api/plugins", signal }));
  const offers = () => ({
    plugin_name: plugins.data?.plugins.filter((each) => each.enabled).map((each) => [each.name, each.runnable ? each.description : "No worker can run it: see Plugins."]),
    profile: profiles.data?.profiles.map(({ name, codec, ladder }) => [name, `${codec}, ${ladder.join(", ")}`]),
  });
  return {
    resources: [ready, plugins, profiles],
    back: "#/tasks",
    change({ query }) {
      if (query.from === at.query.from) return choose(state, query.type || types()[0]);
      [at, begun] = [{ query }, false];
      Object.assign(state, { options: {}, problem: null });
      return ready.reset();
    },
    draw: () => html`<h1>${at.query.from ? "Replay a task" : "New task"}</h1>${region(ready, () => form(state, offers()), { label: "the form" })}`,
  };
}

/** Begins with what a task of this type had last, unless somebody has begun with something else by then. */
async function choose(state, type) {
  Object.assign(state, { type, payload: {}, begun: "", problem: null });
  update();
  const page = await call({ path: "/api/tasks", query: { type, limit: 1 } }).catch(() => null);
  if (page?.tasks.length && state.type === type && !Object.keys(state.payload).length) begin(state, page.tasks[0]);
  update();
}

async function replay(state, id) {
  const task = await call({ path: `/api/tasks/${encodeURIComponent(id)}` });
  state.type = task.type;
  begin(state, task);
  if (task.priority) state.options.priority = task.priority;
  if (task.background) state.options.background = true;
}

function begin(state, task) {
  state.payload = structuredClone(task.payload);
  state.begun = task.id;
}

function form(state, offers) {
  const request = { method: "POST", path: "/api/tasks", body: { type: state.type, payload: state.payload, ...state.options } };
  const schemas = members("CreateTask");
  const options = Object.keys(schemas).filter((each) => !ITSELF.includes(each));
  return html`<div class="columns even"><form class="stack panel new-task" @submit=${(event) => send(event, state, request)}>
    <label>Type<select name="type" @change=${(event) => go(href("new", "", { type: event.target.value }))}>
      ${types().map((each) => html`<option ?selected=${each === state.type}>${each}</option>`)}</select></label>
    ${state.begun ? html`<p class="muted">Begun with the payload of <a href=${href("tasks", state.begun)}><code>${state.begun.slice(0, 8)}</code></a>.</p>` : nothing}
    <fieldset><legend>Payload</legend>${fields(payloadOf(state.type), state.payload, "payload", offers)}</fieldset>
    <details><summary>Options</summary><div class="stack two">${inputs(schemas, options, state.options, "option")}</div></details>
    ${state.problem ? html`${failure(state.problem)}${defects(state.problem)}` : nothing}
    ${state.quote && state.quoted === JSON.stringify(request.body) ? quote(state.quote) : nothing}
    <footer><button class="primary" ?disabled=${state.sending}>Submit</button>${has("POST", QUOTES) ? action({
      label: "When would it start?", request: { ...request, path: QUOTES }, said: "",
      done: (answer) => Object.assign(state, { quote: answer, quoted: JSON.stringify(request.body), problem: null }),
      failed: (problem) => Object.assign(state, { problem }),
    }) : nothing}</footer>
  </form><section class="panel" aria-labelledby="as-code"><h2 id="as-code">The same as code</h2>${lines(request)}</section></div>`;
}

async function send(event, state, request) {
  event.preventDefault();
  Object.assign(state, { sending: true, problem: null });
  update();
  try {
    const task = await call(request);
    announce("The task is accepted.");
    go(href("tasks", task.id));
  } catch (problem) {
    state.problem = problem;
  }
  state.sending = false;
  update();
}

/** What the task would come to, if it were submitted now. */
function quote({ estimate, no_estimate: none, work_seconds: work, media_seconds: media }) {
  return html`<div class="quote" role="status"><p class="answer">${estimate?.start ? startSentence("It would start", estimate.start) : sentence(none ?? "When it would start is not known.")}</p>
    <p class="muted">A run keeps a worker for ${span(work.p10)} to ${span(work.p90)}${media ? `, for ${span(media)} of media` : ""}.</p></div>`;
}
