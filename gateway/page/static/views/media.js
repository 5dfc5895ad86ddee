// Uploads: drop a file and watch what becomes of it; all files of a kind; one of them with all that is known.

import { call } from "../api.js";
import { count } from "../format.js";
import { html, nothing, repeat } from "../lit.js";
import { remember } from "../upload-names.js";
import { picture } from "../parts/picture.js";
import { region } from "../parts/region.js";
import { status } from "../parts/status.js";
import { profiles } from "../profiles.js";
import { Resource } from "../resource.js";
import { href } from "../route.js";
import { standing } from "../store.js";
import { update } from "../update.js";
import { dropZone } from "./drop.js";
import { open as openFile } from "./file.js";

export const title = "Media";
const PAGE = 48;
const KINDS = { video: "Videos", image: "Images", audio: "Audios", document: "Documents" };

export function open(at) {
  if (at.id) return openFile(at);
  let kind = KINDS[at.query.kind] ? at.query.kind : "video";
  let shown = PAGE;
  const list = new Resource(async (signal) => {
    const found = { media: [], total: 0 };
    for (let offset = 0; offset < shown && (!offset || offset < found.total); offset += PAGE) {
      const page = await call({ path: `/api/${kind}s`, query: { limit: PAGE, offset }, signal });
      found.media.push(...page[`${kind}s`].map((each) => ({ ...each, kind })));
      found.total = page.total;
    }
    remember(kind, found.media);
    return found;
  });
  const more = () => {
    shown += PAGE;
    list.refresh();
    update();
  };
  return {
    resources: [list, profiles],
    change({ query }) {
      [kind, shown] = [KINDS[query.kind] ? query.kind : "video", PAGE];
      list.reset();
    },
    event(event) {
      if (event.kind === "status" && event.status !== "processing") list.refresh();
    },
    draw: () => html`<h1 class="hidden">Media</h1>
      ${dropZone()}
      <nav aria-label="Kind of media"><ul class="chips">${Object.entries(KINDS).map(([name, label]) => html`<li>
        <a href=${href("media", "", { kind: name })} aria-current=${name === kind ? "true" : nothing}>${label}</a></li>`)}</ul></nav>
      ${region(list, (data) => html`${gallery(data.media)}${data.media.length < data.total
        ? html`<footer class="list-foot"><button type="button" @click=${more}>Load more of ${count(data.total - data.media.length)}</button></footer>` : nothing}`,
        { label: "media", rows: 4, isEmpty: (data) => !data.total, empty: html`<p>No ${kind} yet: drop one above.</p>` })}`,
  };
}

/** Files as pictures with their names and how they stand; `note` says more of each. */
export function gallery(all, note = stands) {
  return html`<ul class="gallery">${repeat(all, (each) => each.id, (each) => html`<li data-row>
    <a data-open href=${href("media", `${each.kind}/${each.id}`)}>${picture(each)}<span class="name clip" title=${each.filename}>${each.filename}</span></a>
    ${note(each)}</li>`)}</ul>`;
}

function stands(file) {
  const task = standing(file);
  return html`<p class="stands">${status(task.status)}${task.status === "processing" && task.progress
    ? html`<progress max="100" .value=${task.progress.percent} aria-label="Progress of ${file.filename}"></progress>` : nothing}
    ${task.status === "failed" ? html`<span class="bad clip" title=${task.error ?? ""}>${task.error}</span>` : nothing}</p>`;
}
