// The API's own document, to read: each operation with what it takes, what it answers, and a line that calls it.

import { call } from "./api.js";
import { html, nothing, render } from "./lit.js";
import { announcement } from "./parts/announce.js";
import { code } from "./parts/action.js";
import { dialog } from "./parts/dialog.js";
import { region } from "./parts/region.js";
import { Resource } from "./resource.js";
import { getKey } from "./key.js";
import { drawWith, update } from "./update.js";
import { example, shape } from "./docs/shape.js";
import { connection } from "./stream.js";

/** The operations that are open, as "get /api/tasks". */
const opened = new Set();
const METHODS = ["get", "post", "put", "patch", "delete"];
const reference = new Resource((signal) => call({ path: "/api/openapi.json", signal }));
connection.state = "live"; // nothing here is followed, so nothing is stale

function page() {
  return html`<header class="top"><a class="brand" href=${new URL("../../", import.meta.url).href}>
      <img src=${new URL("icon.svg", import.meta.url).href} width="20" height="20" alt="">Mindia Tasks</a></header>
    <main id="main" class="reference"><h1>API reference</h1>
      ${getKey() ? region(reference, draw, { label: "the reference", rows: 12 })
        : html`<p class="empty">It needs a key. <a class="button primary" href=${new URL("../../", import.meta.url).href}>Sign in</a></p>`}
    </main>${announcement()}${dialog()}`;
}

function draw(document_) {
  const operations = Object.entries(document_.paths).flatMap(([path, item]) =>
    METHODS.filter((each) => item[each]).map((method) => ({ method, path, ...item[method], shared: item.parameters ?? [] })));
  const groups = Object.groupBy(operations, (each) => each.tags?.[0] ?? "other");
  return html`${prose(document_.info.description)}
    <nav aria-label="Sections"><ul class="chips">${Object.keys(groups).map((name) => html`<li><a href="#${name}">${name}</a></li>`)}</ul></nav>
    ${Object.entries(groups).map(([name, all]) => html`<section id=${name} tabindex="-1"><h2>${name}</h2>
      <p class="muted">${document_.tags?.find((each) => each.name === name)?.description}</p>
      ${all.map((each) => operation(each, document_))}</section>`)}`;
}

/** One operation; what it takes and answers is drawn once it is opened, since there are a great many. */
function operation(each, document_) {
  const { method, path, summary } = each;
  const name = `${method} ${path}`;
  const toggle = (event) => {
    event.target.open ? opened.add(name) : opened.delete(name);
    update();
  };
  return html`<details class="panel operation" @toggle=${toggle}><summary><span class="method ${method}">${method.toUpperCase()}</span>
      <code>${path}</code> <span>${summary}</span></summary>${opened.has(name) ? details(each, document_) : nothing}</details>`;
}

function details({ method, path, description, parameters = [], shared, requestBody, responses, security }, document_) {
  const all = [...shared, ...parameters];
  const [type, content] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  const request = { method: method.toUpperCase(), path, ...sample(type, content?.schema, document_) };
  return html`<div class="stack">
      ${prose(description)}
      <p class="line">${security?.length === 0 ? html`<span class="muted">No key needed.</span>` : nothing}${code(request, `${method.toUpperCase()} ${path}`)}</p>
      ${all.length ? html`<table class="cards"><caption>Parameters</caption><thead><tr><th scope="col">Name</th><th scope="col">In</th><th scope="col">What</th></tr></thead>
        <tbody>${all.map((each) => html`<tr><th scope="row" data-label="Name"><code>${each.name}</code>${each.required ? nothing : html` <span class="muted">optional</span>`}</th>
          <td data-label="In">${each.in}</td><td data-label="What">${shape(each.schema, document_)} ${each.description ?? ""}</td></tr>`)}</tbody></table>` : nothing}
      ${content ? html`<h3>Body <span class="muted">${type}</span></h3>${shape(content.schema, document_)}` : nothing}
      ${answers(responses, document_)}
    </div>`;
}

/** Paragraphs, with what stands between backticks as code. */
function prose(text) {
  if (!text) return nothing;
  const words = (paragraph) => paragraph.split("`").map((part, index) => (index % 2 ? html`<code>${part}</code>` : part));
  return html`<div class="prose">${text.split(/\n\s*\n/).map((each) => html`<p>${words(each)}</p>`)}</div>`;
}

function answers(responses, document_) {
  return html`<h3>Answers</h3><dl class="facts">${Object.entries(responses).filter(([status]) => status !== "default").map(([status, each]) => {
    const found = each.$ref ? document_.components.responses[each.$ref.split("/").pop()] : each;
    const schema = Object.values(found.content ?? {})[0]?.schema;
    return html`<div><dt>${status}</dt><dd>${found.description}${status < "300" && schema ? shape(schema, document_) : nothing}</dd></div>`;
  })}</dl>`;
}

function sample(type, schema, document_) {
  if (!schema) return {};
  return type === "multipart/form-data" ? { file: "file.mp4" } : { body: example(schema, document_) };
}

drawWith(() => render(page(), document.body));
update();
if (getKey()) reference.start();
