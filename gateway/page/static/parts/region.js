// A part of the page in one of its five states: loading, error, empty, live, or what was known before the connection
// was lost.

import { moment } from "../format.js";
import { html, nothing } from "../lit.js";
import { connection } from "../stream.js";
import { icon } from "./icons.js";

/**
 * Draws `resource` by `draw(data)`. `rows` placeholders stand while it loads, and `slow` says why that may take seconds;
 * `isEmpty(data)` and `empty` say when there is nothing, and what to do then.
 */
export function region(resource, draw, { rows = 5, isEmpty = () => false, empty = nothing, label = "", slow = "" } = {}) {
  if (resource.data === undefined) {
    return resource.error ? failure(resource.error, () => resource.refresh()) : loading(rows, label, slow);
  }
  const stale = resource.error || connection.state === "lost";
  return html`
    ${resource.error && resource.error.status ? failure(resource.error, () => resource.refresh()) : nothing}
    ${stale && resource.at ? html`<p class="as-of">as of ${moment(resource.at)}</p>` : nothing}
    <div class=${stale ? "stale" : ""}>${isEmpty(resource.data) ? html`<div class="empty">${empty}</div>` : draw(resource.data)}</div>`;
}

/** What went wrong, told apart by whose turn it is. */
export function failure(problem, retry) {
  const lead = problem.status === 0 ? "No answer" : problem.status === undefined ? "This page failed" : TITLES[problem.status] ?? (problem.status >= 500 ? "The server failed" : "Refused");
  return html`<div class="failure" role="alert">
    ${icon("warning")}
    <div><strong>${lead}.</strong> ${problem.message}
      ${problem.retryAfter ? html`<span class="muted">Tried again in ${problem.retryAfter} s.</span>` : nothing}</div>
    ${retry ? html`<button type="button" @click=${retry}>Try again</button>` : nothing}
  </div>`;
}

const TITLES = {
  401: "This key is not accepted", 403: "Not with this key", 404: "Not found", 409: "Not now", 413: "Too large",
  415: "Not supported", 422: "Not valid", 429: "Too much at once", 503: "Not available now", 507: "No room",
};

/** Placeholders; they are seen only when it takes longer than a blink. */
function loading(rows, label, slow) {
  return html`<div class="loading" aria-busy="true" role="status">
    <span class="hidden">Loading ${label}</span>
    ${slow ? html`<p class="slow muted">${slow}</p>` : nothing}
    ${Array.from({ length: rows }, () => html`<span class="placeholder"></span>`)}
  </div>`;
}
