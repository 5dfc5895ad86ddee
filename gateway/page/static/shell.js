// What is around every view: the way to the others, the connection, and whose key it is.

import { span } from "./format.js";
import { html, nothing } from "./lit.js";
import { announcement } from "./parts/announce.js";
import { copyButton } from "./parts/copy.js";
import { dialog, openDialog } from "./parts/dialog.js";
import { dropTarget } from "./parts/drop-target.js";
import { icon } from "./parts/icons.js";
import { failure } from "./parts/region.js";
import { showHelp } from "./keyboard.js";
import { go, href } from "./route.js";
import { isOperator, may, session, signInWith, signOut } from "./session.js";
import { has } from "./spec.js";
import { connection, open, pause, resume } from "./stream.js";
import { VIEWS } from "./views/all.js";

export function shell(view, at) {
  const body = { asking, out: keyForm, in: () => frame(view, at) }[session.state]();
  return html`<button type="button" class="skip" @click=${skip}>Skip to the content</button>
    ${body}${dropTarget()}${announcement()}${dialog()}`;
}

function frame(view, at) {
  return html`<header class="top">
      <a class="brand" href="#/"><img src=${new URL("icon.svg", import.meta.url).href} width="20" height="20" alt=""><span>Mindia Tasks</span></a>
      <nav aria-label="Views"><ul>${Object.entries(VIEWS).filter(offered).map(
        ([name, each]) => html`<li><a href=${href(name === "overview" ? "" : name)}
          aria-current=${name === at.name || each.also?.includes(at.name) ? "page" : nothing}>${each.label}</a></li>`)}</ul></nav>
      <div class="tools">${light()}${search(at)}
        ${may("write") ? html`<a class="button primary" href="#/new">New<span class="long"> task</span></a>` : nothing}${who()}</div>
    </header>
    <main id="main" tabindex="-1">${session.problem && !session.me ? failure(session.problem, () => dispatchEvent(new Event("signed-in"))) : nothing}
      ${view?.draw() ?? nothing}</main>`;
}

/** A view of the navigation that this key may see, of something that this gateway has. */
function offered([, { label, operator, needs }]) {
  return label && (isOperator() || !operator) && (!needs || has(...needs));
}

/** Live, late, lost or paused: in words, with the seconds that matter. */
function light() {
  const { state, heard, retryAt } = connection;
  const words = {
    connecting: "connecting", live: "live", late: `late, ${span((Date.now() - heard) / 1000)}`,
    lost: retryAt > Date.now() ? `lost, again in ${Math.ceil((retryAt - Date.now()) / 1000)} s` : "lost, connecting", paused: "paused",
  };
  const press = { live: pause, late: pause, paused: resume, lost: open, connecting: open };
  const titles = { live: "Pause live updates (p)", paused: "Go on (p)", lost: "Connect now", late: "Pause live updates (p)" };
  return html`<button type="button" class="light ${state}" title=${titles[state] ?? ""} @click=${press[state]}>
    <span class="dot"></span><span class="hidden">Connection: </span>${words[state]}</button>`;
}

function search(at) {
  const submit = (event) => {
    event.preventDefault();
    go(href("search", "", { q: new FormData(event.target).get("q") }));
  };
  return at.name === "search" ? nothing : html`<a class="button to-search" href="#/search" aria-label="Search">${icon("search")}</a><form class="find" role="search" @submit=${submit}>
    ${icon("search")}<input name="q" type="search" required maxlength="500" aria-label="Search media" placeholder="Search media" autocomplete="off">
  </form>`;
}

function who() {
  if (!session.me) return nothing;
  const { tenant, tenant_id, operator, scopes, dashboard_url } = session.me;
  const show = () => openDialog(tenant, () => html`<dl class="facts">
      <div><dt>Tenant</dt><dd>${tenant}</dd></div>
      <div class="copyable"><dt>Its UUID</dt><dd><code>${tenant_id}</code>${copyButton(tenant_id, "tenant id")}</dd></div>
      <div><dt>The key may</dt><dd>${operator ? "see and change what all tenants share" : "see and change its own work"}${scopes ? ` (${scopes.join(", ")})` : ""}</dd></div>
    </dl>
    <footer>${dashboard_url ? html`<a class="button" href=${dashboard_url} target="_blank" rel="noopener">rq-dashboard</a>` : nothing}
      <a class="button" href=${new URL("../../api/docs", import.meta.url).href}>API reference</a>
      <button type="button" @click=${showHelp}>Shortcuts</button>
      <button type="button" @click=${signOut}>Forget the key</button></footer>`);
  return html`<button type="button" class="who" aria-haspopup="dialog" aria-label="Account ${tenant}" @click=${show}>${tenant}</button>`;
}

/** While it is not known yet whether the key that is kept is good. */
function asking() {
  return html`<main id="main" tabindex="-1" aria-busy="true"><p class="hidden" role="status">Signing in</p></main>`;
}

function keyForm() {
  const submit = (event) => {
    event.preventDefault();
    signInWith(new FormData(event.target).get("key"));
  };
  return html`<main id="main" class="sign-in" tabindex="-1">
    <h1>Mindia Tasks</h1>
    <p>Enter an API key. <code>make run</code> prints one, and a link that brings it along.</p>
    <form @submit=${submit}>
      <label>API key<input name="key" type="password" required autocomplete="off" spellcheck="false" autofocus></label>
      <button class="primary">Open</button>
    </form>
    ${session.problem ? failure(session.problem) : nothing}
    <p class="muted">It stays in this tab and is sent to this server alone.</p>
  </main>`;
}

function skip() {
  document.getElementById("main")?.focus();
}

