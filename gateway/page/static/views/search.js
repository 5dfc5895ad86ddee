// Search by meaning and by words, with pictures, and where in each file something was found.

import { call } from "../api.js";
import { place as clock, plural } from "../format.js";
import { html, nothing, repeat } from "../lit.js";
import { code } from "../parts/action.js";
import { pictureAt } from "../parts/picture.js";
import { region } from "../parts/region.js";
import { Resource } from "../resource.js";
import { go, href } from "../route.js";
import { parameter } from "../spec.js";

export const title = "Search";
const LIMIT = 24;
/** Places of a file that are told. */
const PLACES = 2;
const MATCHED = { label: "shows", picture: "looks like it", name: "its name", passage: "says", speech: "is said", text: "is written" };

export function open(at) {
  let asked = at.query;
  const query = () => ({ q: asked.q, type: asked.type, limit: LIMIT });
  const found = new Resource((signal) => (asked.q ? call({ path: "/api/search", query: query(), signal }) : Promise.resolve(null)));
  return {
    resources: [found],
    change(next) {
      asked = next.query;
      found.reset();
    },
    draw: () => html`<h1>Search</h1>${form(asked)}
      ${asked.q ? region(found, (data) => results(data, query()), {
        label: "results", rows: 4, isEmpty: (data) => !data?.count, empty: html`<p>Nothing found for “${asked.q}”.</p>`,
      }) : html`<p class="empty">What do your files show and say? Ask in words: “a flower”, “people on a beach”.</p>`}`,
  };
}

function form({ q = "", type = "" }) {
  const submit = (event) => {
    event.preventDefault();
    const data = new FormData(event.target);
    go(href("search", "", { q: data.get("q"), type: data.get("type") }));
  };
  const kinds = parameter("/api/search", "type")?.enum ?? ["video", "image", "audio", "document"];
  return html`<form class="search" role="search" @submit=${submit}>
    <input name="q" type="search" required maxlength="500" .value=${q} aria-label="What to look for" placeholder="What to look for" autocomplete="off">
    <select name="type" aria-label="Kind of media"><option value="">everything</option>
      ${kinds.map((each) => html`<option value=${each} ?selected=${each === type}>${each}s</option>`)}</select>
    <button class="primary">Search</button></form>`;
}

function results({ results, total }, query) {
  return html`<p class="line"><span>${plural(total, "result")}, best first</span>${code({ path: "/api/search", query }, "This search")}</p>
    <ol class="gallery">${repeat(results, (each) => each.entity_id, (each) => html`<li data-row>
      <a data-open href=${href("media", `${each.entity_type}/${each.entity_id}`)}>${pictureAt(each.places[0]?.picture_url ?? each.picture_url, each.entity_type)}
        <span class="name clip" title=${each.filename}>${each.filename}</span></a>
      <p class="stands"><span class="muted" title="Cosine of the angle between question and content">similarity ${each.similarity.toFixed(3)}</span></p>
      ${each.places.slice(0, PLACES).map(where)}</li>`)}</ol>`;
}

/** One place in a file: when or on which page, why, and the words there with those of the query marked. */
function where({ matched, text, marks, start, page }) {
  const at = page ? `page ${page}` : start === null || start === undefined ? "" : clock(start);
  return html`<p class="place"><span class="muted">${[at, MATCHED[matched]].filter(Boolean).join(", ")}${text ? ": " : ""}</span>${text ? marked(text, marks) : nothing}</p>`;
}

/** Marks count characters, of which one outside the basic plane is one. */
function marked(text, marks) {
  const all = [...text];
  let end = 0;
  const parts = marks.map(([from, until]) => {
    const before = all.slice(end, from).join("");
    end = until;
    return html`${before}<mark>${all.slice(from, until).join("")}</mark>`;
  });
  return html`${parts}${all.slice(end).join("")}`;
}
