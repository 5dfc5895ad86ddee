// What is looked for, and what narrows it down; all but a picture stands in the address, so every search is a link.

import { html, nothing } from "../lit.js";
import { go, href } from "../route.js";
import { has, parameter } from "../spec.js";

const KINDS = ["video", "image", "audio", "document"];
/** Numbers as people say them, and what the API counts in. */
const UNITS = { min_duration: 60, max_duration: 60, min_size: 1_000_000, max_size: 1_000_000 };
/** Filters that are offered where the API has them: [label, kind of input]. */
const FILTERS = {
  start_date: ["Uploaded from", "date"], end_date: ["Uploaded to", "date"], tag: ["Tag", "search"], filename: ["Name has", "search"],
  min_duration: ["Minutes from", "number"], max_duration: ["Minutes to", "number"], min_size: ["MB from", "number"], max_size: ["MB to", "number"],
};

/** The filters of an address, as the API takes them. */
export function narrowed(asked) {
  const found = { type: asked.type };
  for (const name of Object.keys(FILTERS)) {
    if (asked[name]) found[name] = UNITS[name] ? Math.round(Number(asked[name]) * UNITS[name]) : asked[name];
  }
  return found;
}

/** `look(file)` searches by a picture. */
export function searchForm(asked, look) {
  const submit = (event) => {
    event.preventDefault();
    const told = Object.fromEntries(new FormData(event.target));
    const { q, ...filters } = told;
    go(href("search", "", q ? { q, ...filters } : { like: asked.like, picture: asked.picture, ...filters }));
  };
  const pick = ({ target }) => {
    look(target.files[0]);
    target.value = "";
  };
  return html`<form class="search-all" @submit=${submit}>
    <div class="search" role="search">
      <input name="q" type="search" ?required=${!asked.like && !asked.picture} maxlength="500" .value=${asked.q ?? ""} aria-label="What to look for" placeholder="What to look for" autocomplete="off">
      <select name="type" aria-label="Kind of media"><option value="">everything</option>
        ${KINDS.map((each) => html`<option value=${each} ?selected=${each === asked.type}>${each}s</option>`)}</select>
      <button class="primary">Search</button></div>
    <div class="filters"><details ?open=${Object.keys(FILTERS).some((name) => asked[name])}><summary>More filters</summary>
      <div class="fields">${Object.entries(FILTERS).map(([name, [label, type]]) => field(name, label, type, asked[name]))}</div></details></div>
    ${has("POST", "/api/search") ? html`<p class="search-by"><label class="button pick">By a picture<input type="file" accept="image/*" @change=${pick}></label>
      <span class="muted">finds what is like it; it is not kept</span></p>` : nothing}
  </form>`;
}

function field(name, label, type, value) {
  if (!parameter("/api/search", name)) return nothing;
  return html`<label>${label}<input name=${name} type=${type} .value=${value ?? ""} autocomplete="off"
    min=${type === "number" ? 0 : nothing} step=${type === "number" ? "any" : nothing}></label>`;
}
