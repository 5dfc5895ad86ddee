// What would become of the tasks that wait, as things are set and with a change; nothing is changed by asking.

import { call } from "../api.js";
import { count, span } from "../format.js";
import { html, nothing } from "../lit.js";
import { failure } from "../parts/region.js";
import { has } from "../spec.js";
import { update } from "../update.js";

const PATH = "/api/queues/simulate";
/** After the last keystroke. */
const PAUSE_MS = 300;

/** {ask(change), draw()}: the answer to the last question; `change` is the body of the request, {} for none. */
export function whatIf() {
  const state = { asked: "", answer: null, problem: null, timer: 0 };
  const simulate = async (asked, body) => {
    try {
      const answer = await call({ method: "POST", path: PATH, body });
      if (state.asked === asked) Object.assign(state, { answer, problem: null });
    } catch (problem) {
      if (state.asked === asked) Object.assign(state, { answer: null, problem });
    }
    update();
  };
  return {
    ask(change) {
      const asked = JSON.stringify(change);
      if (asked === state.asked || !has("POST", PATH)) return;
      clearTimeout(state.timer);
      state.asked = asked;
      if (asked === "{}") Object.assign(state, { answer: null, problem: null });
      else state.timer = setTimeout(() => simulate(asked, change), PAUSE_MS);
    },
    draw() {
      if (state.problem) return failure(state.problem);
      if (state.answer) return table(state.answer);
      return state.asked && state.asked !== "{}" ? html`<p class="muted" role="status">Looking ahead…</p>` : nothing;
    },
  };
}

function table({ before, after }) {
  const rows = after.flatMap(({ type, total, tenants }) => {
    const now = before.find((other) => other.type === type);
    const names = Object.keys(tenants).filter((each) => now.tenants[each]);
    return [[type, now.total, total, false], ...names.map((each) => [each, now.tenants[each], tenants[each], true])];
  }).filter(([, now, then]) => now.tasks || then.tasks);
  if (!rows.length) return html`<p class="muted">Nothing waits, so nothing would start sooner or later.</p>`;
  return html`<table class="what-if"><caption>What waits now, as it is set and with the change</caption>
    <thead><tr><th scope="col">Type, tenant</th><th scope="col" class="number">Tasks</th><th scope="col" class="number">Last start in</th><th scope="col" class="number">With it</th></tr></thead>
    <tbody>${rows.map(([name, now, then, within]) => html`<tr class=${within ? "within" : ""}><th scope="row">${name}</th><td class="number">${count(now.tasks)}</td>
      <td class="number">${lastStart(now)}</td><td class="number"><strong class=${better(now, then)}>${lastStart(then)}</strong></td></tr>`)}</tbody></table>`;
}

/** When the last of some tasks starts: "40 s to 50 s", or `brief` the likeliest, "never", a dash where there is none. */
export function lastStart({ tasks, drained }, brief = false) {
  if (!tasks) return html`<span class="muted">–</span>`;
  if (!drained) return html`<span class="bad">never</span>`;
  const [from, to] = [span(drained.p10), span(drained.p90)];
  if (brief) return html`<span title="${from} to ${to}">${span(drained.p50)}</span>`;
  return html`<span title="most likely ${span(drained.p50)}">${from === to ? from : `${from} to ${to}`}</span>`;
}

/** Whether it ends clearly sooner or later; a tenth is noise. */
function better(now, then) {
  const [was, is] = [now.drained?.p50 ?? Infinity, then.drained?.p50 ?? Infinity];
  if (is < was * 0.9) return "good";
  return is > was * 1.1 ? "bad" : "";
}
