// Calls of the HTTP API, below the path where the gateway lies.

import { getKey } from "./key.js";

/** The gateway's address; this file lies at page/<version>/. */
export const base = new URL("../../", import.meta.url);

/** An answer that is none: a problem document (RFC 9457), or a gateway that does not answer (status 0). */
export class Problem extends Error {
  constructor(status, body = {}, retryAfter = 0) {
    super(body.detail || body.title || "The gateway does not answer.");
    this.status = status;
    this.code = body.code ?? "";
    this.errors = body.errors ?? [];
    this.retryAfter = retryAfter;
  }
}

/** Milliseconds that the server's clock is ahead of this one, as far as whole seconds tell. */
export const clock = { ahead: 0 };

/** A read without an answer for so long has lost its connection, which a browser may take minutes to notice. */
const LONGEST_READ_MS = 30_000;

let onUnauthorized = () => {};

/** Calls `listener` whenever the key is refused. */
export function whenUnauthorized(listener) {
  onUnauthorized = listener;
}

/**
 * What is answered to `request` {method, path, query, body or form, headers, signal}: JSON as values, nothing as undefined.
 * Throws Problem, and AbortError when `signal` ends it.
 */
export async function call({ method = "GET", path, query, body, form, headers = {}, signal }) {
  const limited = method === "GET" ? AbortSignal.any([AbortSignal.timeout(LONGEST_READ_MS), ...(signal ? [signal] : [])]) : signal;
  const sent = { method, signal: limited, cache: "no-store", headers: { ...headers, Authorization: `Bearer ${getKey()}` } };
  if (body !== undefined) {
    sent.body = JSON.stringify(body);
    sent.headers["Content-Type"] = "application/json";
  }
  if (form) sent.body = form;
  let response, text;
  try {
    response = await fetch(address(path, query), sent);
    text = await response.text();
  } catch (error) {
    throw error.name === "AbortError" ? error : new Problem(0); // TimeoutError is no AbortError
  }
  setClock(response);
  return understand(response.status, text, response.headers.get("Retry-After"));
}

/** The value of an answer; throws Problem. */
export function understand(status, text, retryAfter) {
  const value = parse(text);
  if (status >= 200 && status < 300) return value;
  if (status === 401) onUnauthorized();
  throw new Problem(status, value ?? { detail: `The gateway answered ${status}.` }, Number(retryAfter) || 0);
}

/** The address of `path`, with those members of `query` that are set. */
export function address(path, query = {}) {
  const url = new URL(path.replace(/^\//, ""), base);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  }
  return url;
}

/** JSON in which whole numbers that a double cannot hold stay as they are written. */
function parse(text) {
  if (!text) return undefined;
  try {
    return JSON.parse(text, exact);
  } catch {
    return undefined;
  }
}

function exact(_, value, context) {
  const inexact = typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value);
  return inexact && context?.source && JSON.rawJSON ? JSON.rawJSON(context.source) : value;
}

function setClock(response) {
  const server = Date.parse(response.headers.get("Date"));
  const ahead = server - Date.now();
  clock.ahead = Math.abs(ahead) > 2000 ? ahead : 0;
}
