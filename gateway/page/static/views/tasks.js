// The list of tasks: filters in the address, rows that change in place, and new ones that wait until they are asked for.

import { call } from "../api.js";
import { count, plural } from "../format.js";
import { html, nothing } from "../lit.js";
import { code } from "../parts/action.js";
import { region } from "../parts/region.js";
import { Resource } from "../resource.js";
import { href } from "../route.js";
import { keep } from "../store.js";
import { update } from "../update.js";
import { filters, queryOf } from "./filters.js";
import { selection } from "./selection.js";
import { open as openTask } from "./task.js";
import { taskTable } from "./task-table.js";

export const title = "Tasks";
const PAGE = 50;
/** Beyond it a narrower filter helps more than a longer list. */
const MOST = 500;
/** It makes pages by cursor, which neither skip nor repeat a task while others come. */
const NEWEST_FIRST = "-created_at";
const EVERY_MS = 5000;
const AFTER_EVENT_MS = 1000;

export function open(at) {
  return at.id ? openTask(at) : new TaskList(at);
}

class TaskList {
  title = title;
  #query;
  #ids = null;
  /** Where the page behind those begins; null when there is none. */
  #next = null;
  #fresh = new Set();
  #more = false;
  #soon = 0;
  #list = new Resource((signal) => this.#read(signal), { every: EVERY_MS });
  #stats = new Resource((signal) => call({ path: "/api/tasks/stats", signal }), { every: EVERY_MS });
  #selection = selection(() => this.#list.refresh());
  resources = [this.#list, this.#stats];

  constructor(at) {
    this.#query = queryOf(at.query);
  }

  change(at) {
    this.#query = queryOf(at.query);
    this.#startOver();
    this.#list.reset();
  }

  close() {
    clearTimeout(this.#soon);
  }

  event(event, known) {
    const { type, status } = this.#query;
    const shown = this.#ids?.includes(event.task_id);
    if (event.kind === "status" && !shown && (!type || type === event.type) && (!status || status === event.status)) {
      if (!known || status) this.#fresh.add(event.task_id);
    }
    if (event.kind === "status" && !this.#soon) {
      this.#soon = setTimeout(() => {
        this.#soon = 0;
        this.#list.refresh();
        this.#stats.refresh();
      }, AFTER_EVENT_MS);
    }
  }

  draw() {
    return html`<h1 class="hidden">Tasks</h1>
      ${filters(this.#query, this.#stats.data)}
      ${region(this.#list, (page) => this.#page(page), {
        rows: 8, label: "tasks", isEmpty: () => !this.#ids?.length && !this.#fresh.size, empty: this.#empty(),
      })}`;
  }

  #page({ total }) {
    const { status } = this.#query;
    return html`<div class="list-head">${total === null ? html`<p>${plural(this.#ids?.length ?? 0, "task")}${this.#next ? " and more" : ""}</p>`
        : html`<p><strong>${count(total)}</strong> ${total === 1 ? "matches" : "match"}</p>`}
        ${this.#selection.draw(this.#query, total)}</div>
      ${this.#fresh.size ? html`<button type="button" class="new-ones" @click=${() => this.#showNew()}>
        ${plural(this.#fresh.size, "new task")}: show</button>` : nothing}
      ${taskTable(this.#ids ?? [], this.#selection, { status })}
      <footer class="list-foot">${this.#foot(total)}</footer>`;
  }

  #foot(total) {
    if (!this.#next) return nothing;
    const left = total === null ? null : Math.max(0, total - this.#ids.length);
    if (this.#ids.length >= MOST) return html`<p class="muted">${left === null ? "There are" : count(left)} more: filter to find them.</p>`;
    return html`<button type="button" ?disabled=${this.#more} @click=${() => this.#loadMore()}>
      ${this.#more ? "Loading…" : left === null ? "Look for more" : `Load ${Math.min(PAGE, left)} more of ${count(left)}`}</button>`;
  }

  #empty() {
    if (Object.keys(this.#query).length) {
      return html`<p>No task matches.</p><p><a class="button" href=${href("tasks")}>Clear the filters</a></p>`;
    }
    return html`<p>No task yet.</p>
      <p><a class="button primary" href="#/media">Drop a video</a> <a class="button" href="#/new">Submit a task</a>
        ${code({ method: "POST", path: "/api/videos", file: "video.mp4" }, "Uploading a video")}</p>`;
  }

  async #read(signal) {
    const asked = Date.now();
    const page = await call({ path: "/api/tasks", query: { ...this.#query, order: NEWEST_FIRST, limit: PAGE }, signal });
    keep(page.tasks, asked);
    if (!this.#ids?.length) {
      this.#ids = page.tasks.map((each) => each.id);
      this.#next = page.next_cursor;
      this.#fresh.clear();
    } else page.tasks.filter((each) => !this.#ids.includes(each.id)).forEach((each) => this.#isNew(each) && this.#fresh.add(each.id));
    return { total: page.total };
  }

  /** Whether it lies above what is shown; what a shrinking list has moved up does not. */
  #isNew(task) {
    return task.created_at > this.#newest;
  }

  get #newest() {
    return this.#selection.createdAt(this.#ids[0]) ?? "";
  }

  async #loadMore() {
    this.#more = true;
    update();
    const [asked, ids] = [Date.now(), this.#ids];
    const page = await call({ path: "/api/tasks", query: { ...this.#query, limit: PAGE, cursor: this.#next } }).catch(() => null);
    if (ids !== this.#ids) return; // another list has begun meanwhile
    if (page) {
      keep(page.tasks, asked);
      this.#next = page.next_cursor;
      this.#ids = [...new Set([...this.#ids, ...page.tasks.map((each) => each.id)])];
    }
    this.#more = false;
    update();
  }

  #showNew() {
    this.#startOver();
    this.#list.reset();
    scrollTo(0, 0);
  }

  #startOver() {
    this.#ids = null;
    this.#more = false;
    this.#fresh.clear();
    this.#selection.clear();
  }
}
