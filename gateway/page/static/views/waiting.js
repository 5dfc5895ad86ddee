// Why a task waits, until when, and what would help, as the API says it.

import { at, count, end, moment, now, plural, sentence, span } from "../format.js";
import { html, nothing, svg } from "../lit.js";
import { action } from "../parts/action.js";
import { isOperator, may, session } from "../session.js";
import { changeLimitsOf } from "./limits.js";
import { changeTenant } from "./tenant.js";

/** Colours of a bill's bar. */
const TONES = 6;

const WORDS = {
  scheduled: "not due yet", depends_on: "waits for others", held: "held", paused: "paused", no_worker: "no worker",
  tenant_limit: "limit of its tenant", group_limit: "limit of its group", rate_limit: "rate limit", concurrency: "all slots taken",
  share: "others' turn", workers_busy: "workers busy", hand_over: "hand-over", unknown: "not recorded",
};

/** One line for a list: the reason, its place and when it starts. */
export function waitingLine({ reason, detail, position, estimate, until }) {
  const place = position ? html`<span class="muted"> · ${ordinal(position)}</span>` : nothing;
  const start = estimate?.start ? html`starts <span title="${moment(estimate.start.p10)} to ${moment(end(estimate.start.p90))}">${inWords(estimate.start)}</span>`
    : until ? html`until ${moment(until)}` : nothing;
  return html`<span class="reason clip" title=${detail ?? ""}>${words(reason)}${place}</span> <span class="clip">${start}</span>`;
}

/** All that is said about it, for the task's own page; `again` is called when something was changed. */
export function waitingBlock(task, again) {
  const { waiting } = task;
  if (!waiting) return nothing;
  const { reason, detail, until, position, ahead, estimate, no_estimate: none, would_help: help } = waiting;
  const facts = [
    ["Reason", words(reason)],
    ["Until", until && !told(until, detail) && at(until)],
    ["Its place", position && html`${ordinal(position)} of its tenant's`],
    ["Ahead of it", ahead === 0 ? "nothing" : ahead && plural(ahead, "start")],
    ["Ends", estimate?.finish && interval(estimate.finish)],
    ["Estimate from", estimate?.basis && { measured: "measured runs", declared: "a declared run time, while none was measured" }[estimate.basis]],
  ].filter(([, value]) => value);
  return html`<section class="panel waits" aria-labelledby="waits"><h2 id="waits">Why it waits</h2>
    <p class="lead">${detail ? sentence(detail) : words(reason)}</p>
    ${estimate?.start ? html`<p class="answer">${startSentence("It starts", estimate.start)}</p>`
      : none ? html`<p class="answer">When it starts is not known: ${sentence(none)}</p>` : nothing}
    <dl class="facts inline">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    ${help?.length ? html`<h3>What would help</h3><ul class="plain-list">${help.map(({ change, saves_seconds: saves }) => html`<li>${change}:
      <strong>${saves === null ? "it starts no other way" : `starts about ${span(saves)} sooner`}</strong></li>`)}</ul>` : nothing}
    ${remedies(task, again)}
  </section>`;
}

/** "It starts in 40 s to 1 m, between 14:02:10 and 14:02:30." */
export function startSentence(words, start) {
  return html`${words} <strong>${inWords(start)}</strong>, between ${at(start.p10)} and ${at(start.p90, end)}.`;
}

/** Whether the sentence names the moment already. */
function told(until, detail) {
  return detail?.includes(until);
}

/** What an operator changes, from here; each is looked at before it is saved. */
function remedies({ type, waiting: { reason, would_help: help = [] } }, again) {
  if (!isOperator() || !may("admin")) return nothing;
  const resource = { refresh: again };
  const weight = reason === "share" || help?.some(({ change }) => change.startsWith("a weight"));
  return html`<div class="buttons">
    ${reason === "paused" ? action({ label: "Resume", of: type, kind: "primary", request: { method: "PATCH", path: `/api/queues/${encodeURIComponent(type)}`, body: { paused: false } }, done: again }) : nothing}
    <button type="button" @click=${() => changeLimitsOf(type, resource)}>Limits of ${type}…</button>
    ${weight ? html`<button type="button" @click=${() => changeTenant(session.me.tenant, resource)}>Share of ${session.me.tenant}…</button>` : nothing}
    ${reason === "held" ? html`<a class="button" href="#/">What is put aside</a>` : nothing}
    ${["no_worker", "workers_busy"].includes(reason) ? html`<a class="button" href="#/workers">Workers</a>` : nothing}</div>`;
}

/** What a wait was made of: a bar of its causes, and each in words. A later run's begins after the task was `created`. */
export function bill(waited, created) {
  if (!waited) return nothing;
  const { since, seconds, ...causes } = waited;
  const parts = Object.entries(causes).filter(([, value]) => typeof value === "number" && value > 0).sort((one, other) => other[1] - one[1]);
  if (!parts.length) return nothing;
  let from = 0;
  const bars = parts.map(([, value], index) => {
    const width = (100 * value) / seconds;
    const bar = svg`<rect class="tone-${index % TONES}" x="${from}%" y="0" width="${width}%" height="8"/>`;
    from += width;
    return bar;
  });
  return html`<div class="bill"><p>It waited <strong>${span(seconds)}</strong>${since > created ? html` from ${at(since)}` : nothing}</p>
    ${parts.length > 1 ? html`<svg class="bill-bar" width="100%" height="8" aria-hidden="true">${bars}</svg>` : nothing}
    <ul aria-label="What it waited for">${parts.map(([cause, value], index) => html`<li><svg class="swatch" width="10" height="10" aria-hidden="true"><rect class="tone-${index % TONES}" width="10" height="10" rx="2"/></svg>
      ${words(cause)} <strong>${span(value)}</strong></li>`)}</ul></div>`;
}

/** "in 2 m", "in 40 s to 2 m". */
function inWords({ p10, p90 }) {
  const [from, to] = [p10, p90].map((time) => rough(Math.max(0, (Date.parse(time) - now()) / 1000)));
  return from === to ? (to === "0 s" ? "now" : `in about ${to}`) : `in ${from} to ${to}`;
}

/** A span without its smaller part. */
function rough(seconds) {
  const step = seconds < 60 ? 5 : seconds < 600 ? 10 : 60;
  return seconds < 2.5 ? "0 s" : span(Math.round(seconds / step) * step);
}

/** "14:02:10 to 14:03:00": from one time in ten to nine in ten. */
export function interval({ p10, p50, p90 }) {
  return html`<span title=${p50 ? `most likely ${moment(p50)}` : ""}>${moment(p10)} to ${moment(end(p90))}</span>`;
}

function words(reason) {
  return WORDS[reason] ?? String(reason).replaceAll("_", " ");
}

function ordinal(number) {
  const ends = { 1: "st", 2: "nd", 3: "rd" };
  const teen = number % 100 > 10 && number % 100 < 14;
  return `${count(number)}${(!teen && ends[number % 10]) || "th"}`;
}
