// Which rows are selected, and what can be done with them or with all that match.

import { count, plural } from "../format.js";
import { html, nothing } from "../lit.js";
import { can } from "../parts/status.js";
import { may } from "../session.js";
import { task as known } from "../store.js";
import { update } from "../update.js";
import { actOn } from "./bulk.js";

const LABELS = { retry: "Retry", cancel: "Cancel", stop: "Stop", delete: "Delete" };
/** What can be done to tasks of whatever status, and to which of them it is done. */
const ANY = { retry: "failed", cancel: "waiting", delete: "ended" };
/** One operation takes so many ids. */
const MOST = 500;

export function selection(done) {
  const chosen = new Set();
  const set = (id, on) => (on ? chosen.add(id) : chosen.delete(id));

  return {
    clear: () => chosen.clear(),
    createdAt: (id) => known(id)?.created_at,
    box: (task) => html`<label class="check"><input type="checkbox" .checked=${chosen.has(task.id)} aria-label="Select ${task.type} ${task.id.slice(0, 8)}"
      @change=${(event) => (set(task.id, event.target.checked), update())}></label>`,
    all: (ids) => html`<label class="check"><input type="checkbox" aria-label="Select all rows that are shown"
      .checked=${ids.length > 0 && ids.every((id) => chosen.has(id))}
      @change=${(event) => (ids.forEach((id) => set(id, event.target.checked)), update())}></label>`,
    draw: (query, total) => (!may("write") ? nothing : chosen.size ? selected() : matching(query, total)),
  };

  function selected() {
    const tasks = [...chosen].map(known).filter(Boolean).slice(0, MOST);
    const of = (verb) => tasks.filter((each) => can(each.status).includes(verb));
    const act = (verb) => () => {
      const ids = of(verb).map((each) => each.id);
      actOn(verb, { ids }, { title: plural(ids.length, "task"), words: (number) => `${plural(number, "task")} that ${number === 1 ? "is" : "are"} selected` }, finished);
    };
    return html`<div class="bulk" role="group" aria-label="Selected tasks"><span>${count(chosen.size)} selected</span>
      ${Object.keys(LABELS).filter((verb) => of(verb).length).map((verb) => html`<button type="button" class=${verb === "delete" ? "danger" : ""} @click=${act(verb)}>
        ${LABELS[verb]} ${count(of(verb).length)}…</button>`)}
      <button type="button" class="quiet" @click=${() => (chosen.clear(), update())}>Clear</button></div>`;
  }

  /** All that match, however many pages that is. */
  function matching(query, total) {
    if (total === 0) return nothing;
    const all = total === null ? "all" : `all ${plural(total, "task")}`;
    const act = (verb) => () => actOn(verb, { ...query }, { title: all, words: (number) => (number === 1 ? "the 1 task that matches" : `all ${count(number)} tasks that match`) }, finished);
    const verbs = query.status ? can(query.status).map((verb) => [verb, all]) : Object.entries(ANY);
    return html`<div class="bulk" role="group" aria-label="All that match">${verbs.map(([verb, words]) => html`<button type="button"
      class=${verb === "delete" ? "danger" : ""} @click=${act(verb)}>${LABELS[verb]} ${words}…</button>`)}</div>`;
  }

  function finished() {
    chosen.clear();
    done();
  }
}
