// One file: it plays or is shown, and plugins can be run on it.

import { call } from "../api.js";
import { at, bytes, count, plural, span } from "../format.js";
import { opened } from "../links.js";
import { html, nothing } from "../lit.js";
import { remember, upload } from "../upload-names.js";
import { action, code } from "../parts/action.js";
import { copyButton } from "../parts/copy.js";
import { json } from "../parts/json.js";
import { hasPicture, largePicture } from "../parts/picture.js";
import { player } from "../parts/player.js";
import { region } from "../parts/region.js";
import { progress, status } from "../parts/status.js";
import { Resource } from "../resource.js";
import { go, href } from "../route.js";
import { has } from "../spec.js";
import { standing } from "../store.js";
import { files } from "./made.js";
import { where } from "./places.js";
import { unable } from "./plugins.js";

/** Hits among which the file is looked for: others have its name in theirs. */
const MOST = 50;
const LONGEST_NAME = 200;

export function open({ id: address, query }) {
  const [kind, id] = address.split("/");
  let asked = query;
  const path = `/api/${encodeURIComponent(kind)}s/${encodeURIComponent(id ?? "")}`;
  const file = new Resource(async (signal) => {
    const found = { ...(await call({ path, signal })), kind };
    remember(kind, [found]);
    return found;
  });
  const plugins = new Resource((signal) => call({ path: "/api/plugins", signal }));
  const found = new Resource(async (signal) => {
    if (!asked.q) return [];
    const { filename } = upload(id) ?? (await call({ path, signal }));
    const wanted = { q: asked.q, type: kind, filename: filename.slice(0, LONGEST_NAME), min_relevance: 0, limit: MOST };
    const { results } = await call({ path: "/api/search", query: wanted, signal });
    return results.find((each) => [each, ...each.duplicates].some(({ entity_id }) => entity_id === id))?.places ?? [];
  });
  return {
    title: "File",
    back: query.q ? href("search", "", { q: query.q }) : href("media", "", { kind }),
    resources: [file, plugins, found],
    change(next) {
      const other = next.query.q !== asked.q;
      asked = next.query;
      if (other) found.reset();
    },
    event(event) {
      if (event.kind === "playable" || (event.kind === "status" && event.status !== "processing")) file.refresh();
    },
    draw: () => region(file, (data) => draw(data, path, plugins.data?.plugins ?? [], asked, found.data ?? []), { label: "the file", rows: 6 }),
  };
}

function draw(file, path, plugins, asked, places) {
  const task = standing(file);
  return html`<header class="task-head">
      <p class="crumb"><a href="#/media">Media</a> / <a href=${href("media", "", { kind: file.kind })}>${file.kind}s</a></p>
      <div class="line"><h1 class="clip">${file.filename}</h1>${status(task.status)}</div>
      <p class="copyable"><code class="copied">${file.id}</code>${copyButton(file.id, "id")}</p>
      <div class="buttons">${file.task_id ? html`<a class="button" href=${href("tasks", file.task_id)}>Task</a>` : nothing}
        ${file.index?.status === "indexed" ? html`<a class="button" href=${href("search", "", { like: file.id })}>Find similar</a>` : nothing}
        ${file.view_url ? html`<a class="button" href=${opened(file.view_url)} target="_blank" rel="noopener">Open</a>` : nothing}
        ${file.source_url ? html`<a class="button" href=${opened(file.source_url)}>Download</a>` : nothing}
        ${file.variants?.length && !file.source_removed_at && has("POST", "/api/videos/{video_id}/reprocess") ? action({
          label: "Transcode again", request: { method: "POST", path: `${path}/reprocess`, body: {} },
          confirm: html`Make the renditions of ${file.filename} anew, in the background? It plays as it is until then.`,
          said: "It is queued.", done: (made) => go(href("tasks", made.id)),
        }) : nothing}
        ${has("DELETE", `/api/${file.kind}s/{${file.kind}_id}`) ? action({
          label: "Delete", of: file.filename, kind: "danger", request: { method: "DELETE", path },
          confirm: html`Delete ${file.filename}, all that was made of it, and stop its tasks? It cannot be undone.`,
          said: "It is deleted.", done: () => go(href("media", "", { kind: file.kind })),
        }) : nothing}${code({ path }, "Reading this file", "Code")}</div>
    </header>
    ${task.status === "processing" ? html`<div class="wide-progress">${progress({ type: file.filename, ...task })}</div>` : nothing}
    ${task.error && task.status === "failed" ? html`<section class="panel error"><p>${task.error}</p></section>` : nothing}
    <div class="columns"><div>
      ${shown(file, task, second(asked.t))}
      ${places.length ? html`<section class="panel found" aria-labelledby="found"><h2 id="found">Found by “${asked.q}”</h2>
        ${places.map((place) => where(file, asked.q, place))}</section>` : nothing}
      ${Object.entries(file.plugins).map(([name, note]) => html`${json(name, note.data)}${note.files.length ? files(note.files) : nothing}`)}
    </div><aside>${facts(file)}${run(file, plugins)}</aside></div>`;
}

/** The second that an address names; undefined where it names none. */
function second(text) {
  return text && Number(text) >= 0 ? Number(text) : undefined;
}

/** A video plays as far as it is made. */
function shown(file, task, start) {
  if (file.kind === "video" && file.playable) {
    const part = task.status !== "completed" && file.playable_seconds;
    return html`${player(file.id, opened(file.hls_url), opened(file.poster_url), file.filename, opened(file.storyboard_url), start)}
      ${part ? html`<p class="muted">It plays while it is made: ${span(part)} or more so far.</p>` : nothing}`;
  }
  if (file.kind === "audio" && file.size) {
    const from = start === undefined ? "" : `#t=${start}`;
    return html`<audio controls preload=${from ? "metadata" : "none"} src=${opened(file.source_url) + from} aria-label=${file.filename}></audio>`;
  }
  return html`<figure class="large">${largePicture(file)}${task.status === "failed" && hasPicture(file)
    ? html`<figcaption class="muted">As much of it as your browser can show.</figcaption>` : nothing}</figure>`;
}

function facts(file) {
  const all = [
    ["Uploaded", at(file.created_at)], ["Type", file.content_type], ["Size", file.size && bytes(file.size)],
    ["Picture", file.width && `${file.width} × ${file.height}`], ["Length", file.duration_seconds && span(file.duration_seconds)],
    ["Title", file.title], ["Artist", file.artist], ["Album", file.album],
    ["Searchable", file.index && searchable(file.index)],
    ["Profile", file.profile], ["Encoder", file.encoder],
    ["Renditions", file.variants?.length && file.variants.map(rendition)],
    ["A part of it", file.variants?.length && file.duration_seconds && part(file)],
    ["Sound", file.audio_tracks?.length && file.audio_tracks.map(track)],
    ["Loudness", file.loudness && loudness(file.loudness)],
    ["Captions", file.captions?.length && file.captions.map(caption)],
  ].filter(([, value]) => value);
  return html`<section class="panel" aria-labelledby="facts"><h2 id="facts">Details</h2>
    <dl class="facts">${all.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl></section>`;
}

/** Whether and how it can be found. */
function searchable({ status, task_id: task, vectors, passages_left_out: left, cut_off: cut, ocr_pages: read, ocr_pages_left_out: unread, error }) {
  if (status === "waiting") return html`not yet: <a href=${href("tasks", task)}>its task</a> has not ended`;
  if (status === "failed") return html`no: ${error}`;
  if (status !== "indexed") return "no: it was left out";
  const more = [
    read && `${plural(read, "scanned page")} read`, unread && `${plural(unread, "page")} not read`,
    left && `${plural(left, "passage")} left out`, cut && "not read to its end",
  ].filter(Boolean);
  return html`yes${vectors ? `, in ${plural(vectors, "part")}` : ""}${more.map((each) => html`<div class="muted">${each}</div>`)}`;
}

function track({ name, language }) {
  return html`<div>${name}${language === "und" || language === name ? nothing : html` <span class="muted">${language}</span>`}</div>`;
}

function loudness({ integrated_lufs, range_lu, true_peak_dbtp }) {
  const peak = true_peak_dbtp === null ? "" : `, peak ${signed(true_peak_dbtp)} dBTP`;
  return html`<span title="EBU R 128, of the first sound">${signed(integrated_lufs)} LUFS, range ${range_lu.toFixed(1)} LU${peak}</span>`;
}

/** With a minus that is as wide as a digit, and is read out as one. */
function signed(number) {
  return number.toFixed(1).replace("-", "\u2212");
}

function caption({ label, language, url }) {
  return html`<div>${label} <a href=${opened(url)} aria-label=${`Captions ${label} (${language}) as WebVTT`}>WebVTT</a></div>`;
}

/** One, and a link to it as a file. */
function rendition(each) {
  return html`<div>${each.name} (${count(each.bandwidth / 1000)} kbit/s${each.encoder === "copy" ? ", as uploaded" : ""})
    <a href=${opened(each.download_url)} aria-label=${`Download ${each.name}`}>Download</a></div>`;
}

/** The largest rendition, from one second to another, as a file. */
function part(file) {
  const largest = file.variants.reduce((one, each) => (each.width > one.width ? each : one));
  const [path, query] = opened(largest.download_url).split("?");
  const last = file.duration_seconds;
  return html`<form class="range" method="get" action=${path}>
    ${[...new URLSearchParams(query)].map(([name, value]) => html`<input type="hidden" name=${name} value=${value}>`)}
    <label>From second<input name="start" type="number" required min="0" max=${last} step="0.001" value="0"></label>
    <label>to<input name="end" type="number" required min="0.001" max=${last} step="0.001" value=${last}></label>
    <button>Download</button></form>`;
}

/** The plugins that take this kind of file and are set up; those that no worker can run say what would help. */
function run(file, plugins) {
  const fitting = plugins.filter((each) => each.media_types.includes(file.kind));
  if (!fitting.length) return nothing;
  const off = fitting.filter((each) => !each.enabled).length;
  return html`<section class="panel" aria-labelledby="plugins"><h2 id="plugins">Run a plugin</h2>
    <ul class="plugins">${fitting.filter((each) => each.enabled).map((plugin) => html`<li>
      ${action({ label: plugin.name, request: { method: "POST", path: `/api/plugins/${plugin.name}/execute`, body: { media_id: file.id } },
        said: `${plugin.name} is queued.`, done: (task) => go(href("tasks", task.id)), disabled: !plugin.runnable })}
      <small class="muted">${plugin.description}</small>${unable(plugin)}</li>`)}</ul>
    ${off ? html`<p class="muted">${plural(off, "more plugin")} without complete settings.</p>` : nothing}</section>`;
}
