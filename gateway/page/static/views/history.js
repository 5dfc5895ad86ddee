// The last hour as the server measured it: plots, sparklines, and rates over five minutes.

import { call } from "../api.js";
import { decimal, now, rate as perTime, span } from "../format.js";
import { html, nothing, svg } from "../lit.js";
import { plot } from "../parts/plot.js";
import { region } from "../parts/region.js";
import { ENDED, tone } from "../parts/status.js";
import { Resource } from "../resource.js";
import { has, loadSpec } from "../spec.js";
import { update } from "../update.js";

const EVERY_MS = 10_000;
const HOUR = 3600;
const MINUTE = 60;
const RECENT = 300;

/** {resource, draw, rate, spark}; nothing is drawn and no rate is known where the gateway keeps no history. */
export function history() {
  const state = { type: "", began: 0 };
  const resource = new Resource(async (signal) => {
    await loadSpec();
    if (!has("GET", "/api/queues/history")) return null;
    const found = await call({ path: "/api/queues/history", signal });
    state.began = Math.floor(now() / 1000 / MINUTE) * MINUTE - HOUR;
    return new Map(found.types.map(({ type, rows }) => [type, measured(rows, state.began)]));
  }, { every: EVERY_MS });
  const of = (type) => resource.data?.get(type);
  return {
    resource,
    rate: (type) => of(type)?.recent,
    spark: (type) => (of(type) ? spark(of(type).minutes) : nothing),
    draw: () => (resource.data === null ? nothing : html`<section aria-labelledby="hour"><header class="line"><h2 id="hour">The last hour</h2>
        ${resource.data?.size ? choice(resource.data, state) : nothing}</header>
      ${region(resource, (data) => plots(data, state), { label: "the last hour", rows: 4,
        isEmpty: (data) => !data.size || !busy(data.get(state.type)), empty: html`<p>No task has ended in this hour.</p>` })}</section>`),
  };
}

/** Numbers and quantiles by minute of a type's rows, which leave out where nothing happened. */
function measured(rows, began) {
  const minutes = Object.fromEntries(ENDED.map((each) => [each, blank(0)]));
  const samples = { wait: [], run: [] };
  let recent = 0;
  for (const { begin, ended, ...row } of rows) {
    const at = Date.parse(begin) / 1000;
    const minute = Math.floor((at - began) / MINUTE);
    if (minute < 0 || minute > HOUR / MINUTE) continue;
    for (const outcome of ENDED) minutes[outcome][minute] += ended[outcome] ?? 0;
    for (const name of ["wait", "run"]) if (row[name]) (samples[name][minute] ??= []).push(row[name]);
    if (at > now() / 1000 - RECENT) recent += sum(ENDED.map((each) => ended[each] ?? 0));
  }
  return { minutes, quantiles: { wait: means(samples.wait), run: means(samples.run) }, recent: recent / RECENT };
}

/** The mean of each minute's quantiles; null, a gap, where there is none. */
function means(byMinute) {
  return ["p50", "p90"].map((name) => blank(null).map((_, minute) => {
    const all = byMinute[minute];
    return all ? all.reduce((sum, each) => sum + each[name], 0) / all.length : null;
  }));
}

function blank(value) {
  return Array(HOUR / MINUTE + 1).fill(value);
}

function spark(minutes) {
  const all = minutes.completed.map((_, index) => sum(ENDED.map((each) => minutes[each][index]))).slice(0, -1);
  const most = Math.max(1, ...all);
  const points = all.map((each, index) => `${index},${(15 - (14 * each) / most).toFixed(1)}`).join(" ");
  return html`<svg class="spark" viewBox="0 0 59 16" width="59" height="16" preserveAspectRatio="none" aria-hidden="true">${
    svg`<polyline points=${points} fill="none" stroke="currentColor" vector-effect="non-scaling-stroke"/>`}</svg>`;
}

/** Which type the plots are of; the busiest, unless another was chosen. */
function choice(types, state) {
  const names = [...types.keys()];
  if (!names.includes(state.type)) state.type = names.reduce((one, other) => (busy(types.get(other)) > busy(types.get(one)) ? other : one));
  const choose = (event) => {
    state.type = event.target.value;
    update();
  };
  return html`<select class="inline" aria-label="Type of the plots" @change=${choose}>${names.map((each) => html`<option ?selected=${each === state.type}>${each}</option>`)}</select>`;
}

function plots(types, state) {
  const { minutes, quantiles } = types.get(state.type);
  const byMinute = minutes.completed.map((_, index) => state.began + index * MINUTE);
  return html`<div class="plots">
    ${plot("Ended per minute", byMinute, ENDED.map((each) => [each, tone(each), minutes[each]]),
      (value) => perTime(value / MINUTE))}
    ${plot("Wait", byMinute, [["half within", "accent", quantiles.wait[0]], ["nine of ten within", "wait", quantiles.wait[1]]], fine)}
    ${plot("Run", byMinute, [["half within", "accent", quantiles.run[0]], ["nine of ten within", "wait", quantiles.run[1]]], fine)}
  </div>`;
}

/** Less than a second in milliseconds, so that marks of an axis differ. */
function fine(seconds) {
  return seconds > 0 && seconds < 1 ? `${decimal(seconds * 1000)} ms` : span(seconds);
}

function busy({ minutes }) {
  return sum(Object.values(minutes).flat());
}

function sum(numbers) {
  return numbers.reduce((one, other) => one + other, 0);
}
