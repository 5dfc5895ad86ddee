// Search by meaning and by words, with pictures, and where in each file something was found.

import { call } from "../api.js";
import { count, plural, span } from "../format.js";
import { html, nothing, repeat } from "../lit.js";
import { code } from "../parts/action.js";
import { pictureOfHit } from "../parts/picture.js";
import { region } from "../parts/region.js";
import { Resource } from "../resource.js";
import { go, href } from "../route.js";
import { has, loadSpec } from "../spec.js";
import { upload } from "../upload-names.js";
import { update } from "../update.js";
import { foundAt, where } from "./places.js";
import { narrowed, searchForm } from "./search-form.js";

export const title = "Search";
const LIMIT = 24;
/** Below it a file has less in common with another than nothing. */
const UNLIKE = 0;
/** Places of a file that are told. */
const PLACES = 2;

/** The picture that is looked for: it is in no address, and stays as long as this page is open. */
let chosen = null;

/** Where it is asked how far a new model is, and how often while it is not done. */
const STATUS = "/api/search/status";
const STATUS_MS = 10_000;

export function open(at) {
  const anew = new Resource(async (signal) => {
    await loadSpec();
    return has("GET", STATUS) ? call({ path: STATUS, signal }) : null;
  }, { every: STATUS_MS });
  let asked = at.query;
  let pages = 1;
  const found = new Resource((signal) => (isAsked(asked) ? read(asked, pages, signal) : Promise.resolve(null)));
  const more = () => {
    pages += 1;
    found.refresh();
    update();
  };
  const look = (file) => {
    chosen = file;
    if (asked.picture) found.reset();
    go(href("search", "", { ...asked, q: "", like: "", picture: file.name }));
  };
  return {
    resources: [found, anew],
    first: isAsked(asked) ? "" : "main [name=q]",
    change(next) {
      [asked, pages] = [next.query, 1];
      found.reset();
    },
    draw: () => html`<h1>Search</h1>${searchForm(asked, look)}${anew.data?.missing ? status(anew.data) : nothing}
      ${isAsked(asked) ? region(found, (data) => results(data, asked, more), {
        label: "results", rows: 4, isEmpty: (data) => !data?.results.length, empty: nothingFound(asked),
        slow: "The first search after a start loads a model, which takes some seconds.",
      }) : html`<p class="empty">${asked.picture ? "Choose the picture again: it was not kept." : "What do your files show and say? Ask in words: “a flower”, “people on a beach”."}</p>`}`,
  };
}

/** Until a new model has embedded everything, what it has not is found by what it had before. */
function status({ done, missing, total, estimate }) {
  const left = estimate === null || estimate === undefined ? "" : `, about ${span(estimate)} left`;
  return html`<p class="muted">A model embeds your files: ${count(done)} of ${count(total)} are done, ${count(missing)} are to come${left}.</p>`;
}

/** What fits too little is not shown unless it is asked for. */
function nothingFound(asked) {
  if (!asked.q) return html`<p>Nothing is like it.</p>`;
  return html`<p>Nothing ${asked.nearest ? "that is searched" : "that fits"} was found for “${asked.q}”.</p>
    ${asked.nearest ? nothing : html`<a class="button" href=${href("search", "", { ...asked, nearest: 1 })}>Show what comes nearest</a>`}`;
}

function isAsked({ q, like, picture }) {
  return Boolean(q || like || (picture && chosen));
}

/** What is sent, without its page. */
function question(asked) {
  const { q, like, picture } = asked;
  const least = q ? { min_relevance: asked.nearest ? 0 : undefined } : { min_similarity: UNLIKE };
  return { ...(picture && !q && !like ? {} : { q, like: q ? "" : like }), ...least, ...narrowed(asked), limit: LIMIT };
}

/** So many pages, as one answer. */
async function read(asked, pages, signal) {
  const all = { results: [], total: 0, exact: true, next: "" };
  for (let page = 0; page < pages && all.next !== null; page += 1) {
    const query = { ...question(asked), cursor: all.next };
    const answer = asked.q || asked.like ? await call({ path: "/api/search", query, signal }) : await byPicture(query, signal);
    all.results.push(...answer.results);
    [all.total, all.exact, all.next] = [answer.total, answer.total_exact ?? true, answer.next_cursor];
  }
  return all;
}

function byPicture(query, signal) {
  const form = new FormData();
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== "") form.set(name, value);
  form.set("file", chosen);
  return call({ method: "POST", path: "/api/search", form, signal });
}

function results({ results, total, exact, next }, asked, more) {
  const request = asked.q || asked.like ? { path: "/api/search", query: question(asked) } : { method: "POST", path: "/api/search", file: chosen.name };
  return html`<p class="line"><span>${exact ? nothing : "at least "}${plural(total, "result")}${about(asked)}, ${asked.nearest ? "fitting or not, nearest" : "best"} first</span>${code(request, "This search")}</p>
    <ol class="gallery">${repeat(results, (each) => each.entity_id, (each) => html`<li data-row>
      <a data-open href=${foundAt(each.entity_type, each.entity_id, asked.q, each.places[0])}>${pictureOfHit(each)}
        <span class="name clip" title=${each.filename}>${each.filename}</span></a>
      <p class="stands">${score(each)}
        ${each.duplicates?.length ? html`<span class="muted" title=${each.duplicates.map(({ filename }) => filename).join(", ")}>and ${plural(each.duplicates.length, "copy", "copies")}</span>` : nothing}</p>
      ${each.places.slice(0, PLACES).map((place) => where({ kind: each.entity_type, id: each.entity_id, filename: each.filename }, asked.q, place))}</li>`)}</ol>
    ${next ? html`<footer class="list-foot"><button type="button" @click=${more}>Load more${exact ? html` of ${count(total - results.length)}` : nothing}</button></footer>` : nothing}`;
}

/** What the hits are sorted by. */
function score({ relevance, similarity }) {
  return relevance === null
    ? html`<span class="muted" title="Cosine of the angle between question and content">similarity ${similarity.toFixed(3)}</span>`
    : html`<span class="muted" title="How likely it is meant, 0 to 1">relevance ${relevance.toFixed(2)}</span>`;
}

function about({ q, like, picture }) {
  if (q) return nothing;
  return like ? html` like <a href=${href("media", `${upload(like)?.kind ?? "video"}/${like}`)}>${upload(like)?.filename ?? "this file"}</a>` : ` like ${picture}`;
}
