// Whose key this is, and what the API can: read once after signing in.

import { call, Problem } from "./api.js";
import { forgetHalfDone } from "./half-done.js";
import { forgetKey, getKey, setKey } from "./key.js";
import { update } from "./update.js";

/** `state`: asking, out, in; `me`: the answer of /api/me; `problem`: why the key was refused. */
export const session = { state: "asking", me: null, problem: null };

/** Signs in with the key that is kept; true when it is accepted. */
export async function signIn() {
  try {
    if (getKey()) Object.assign(session, { me: await call({ path: "/api/me" }), state: "in", problem: null });
    else session.state = "out";
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    Object.assign(session, { me: null, state: problem.status === 401 ? "out" : "in", problem });
  }
  update();
  return session.me !== null;
}

/** Keeps a key from the form, with which the page is begun. */
export function signInWith(key) {
  setKey(key);
  dispatchEvent(new Event("signed-in"));
}

/** The key is forgotten; the page is started anew, so that nothing of what it showed is left. */
export function signOut() {
  forgetKey();
  forgetHalfDone();
  location.reload();
}

/** The key was refused: nothing is shown but the form. */
export function refused() {
  if (session.state !== "in") return;
  forgetKey();
  Object.assign(session, { state: "out", me: null, problem: new Problem(401, { detail: "The key is not accepted any more." }) });
  update();
}

/** Whether the key is good for "read", "write" or "admin"; one of a gateway without scopes is good for its tenant. */
export function may(scope) {
  const scopes = session.me?.scopes;
  return scopes ? scopes.includes(scope) : scope !== "admin" || isOperator();
}

/** Whether the key may see and change what all tenants share. */
export function isOperator() {
  return session.me?.operator === true;
}
