// Where files are dropped, and what becomes of each until its video plays.

import { call, Problem } from "../api.js";
import { bytes, count, plural } from "../format.js";
import { opened } from "../links.js";
import { html, nothing, repeat } from "../lit.js";
import { code } from "../parts/action.js";
import { icon } from "../parts/icons.js";
import { MEDIUM, picture } from "../parts/picture.js";
import { player } from "../parts/player.js";
import { failure } from "../parts/region.js";
import { ended, progress, status } from "../parts/status.js";
import { profiles } from "../profiles.js";
import { go, href, route } from "../route.js";
import { may } from "../session.js";
import { members } from "../spec.js";
import { keep, standing } from "../store.js";
import { update } from "../update.js";
import { choice, dismiss, fetchFrom, send, uploading } from "../uploads.js";

/** So many uploads show what became of each. */
const FEW = 3;
/** States of an upload that nothing follows. */
const LAST = ["accepted", "failed", "cancelled"];
/** Why a URL was refused. */
let refused = null;

export function dropZone() {
  if (!may("write")) return nothing;
  const pick = ({ target }) => {
    take([...target.files]);
    target.value = "";
  };
  return html`<section class="drop" aria-label="Upload">
      ${icon("upload")}
      <p><label class="button primary pick">Choose files<input type="file" multiple accept="video/*,image/*,audio/*,text/*,.pdf,.docx,.md,.srt,.vtt" @change=${pick}></label>
        <span>or drop videos, images, audio files and documents anywhere on this page</span></p>
      <p class="muted">Videos become HLS streams and play while they are made; all of it becomes searchable. ${code({ method: "POST", path: "/api/videos", file: "video.mp4" }, "Uploading a video")}</p>
      ${members("VideoUpload").profile ? profile() : nothing}
      ${fromUrl()}
    </section>
    ${uploading.length ? uploads() : nothing}`;
}

/** Of many, those that are to come are as near as those that came, and what they made is below, among all. */
function uploads() {
  const many = uploading.length > FEW;
  const done = uploading.filter(isDone);
  return html`${many ? html`<p class="line spread"><span>${count(done.length)} of ${plural(uploading.length, "upload")} done</span>
      ${done.length ? html`<button type="button" @click=${() => done.forEach(dismiss)}>Clear those that are done</button>` : nothing}</p>` : nothing}
    <ul class="uploads ${many ? "many" : ""}" aria-label="Uploads">${repeat(uploading, (each) => each, (each) => entry(each, many))}</ul>`;
}

function isDone({ state, media }) {
  return state === "accepted" ? ended(standing(media).status) : LAST.includes(state);
}

/** Sends files, and shows how it goes with them, among others of their kind. */
export function take(files) {
  const kinds = send(files);
  const { name, id, query } = route();
  const shown = name === "media" && !id ? query.kind ?? "video" : "";
  if (kinds.length && !kinds.includes(shown)) go(href("media", "", { kind: kinds[0] }));
}

function profile() {
  const found = profiles.data?.profiles ?? [];
  const choose = ({ target }) => {
    choice.profile = target.value;
    update();
  };
  const chosen = found.find((each) => (choice.profile ? each.name === choice.profile : each.default));
  return html`<label class="profile"><span class="muted">Profile of videos</span><select name="profile" @change=${choose}>
      <option value="" ?selected=${!choice.profile}>as usual</option>
      ${found.map(({ name }) => html`<option value=${name} ?selected=${name === choice.profile}>${name}</option>`)}</select>
    ${chosen ? html`<small class="muted">${chosen.codec} · ${chosen.ladder.join(", ")} · ${chosen.quality} quality</small>` : nothing}</label>`;
}

/** What lies at a URL is fetched by the gateway, not by this browser. */
function fromUrl() {
  const submit = async (event) => {
    event.preventDefault();
    const form = event.target;
    const { url, kind } = Object.fromEntries(new FormData(form));
    try {
      await fetchFrom(url, kind || undefined);
      refused = null;
      form.reset();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      refused = problem;
    }
    update();
  };
  return html`<details class="from-url"><summary>From a URL</summary><form @submit=${submit}>
    <input name="url" type="url" required pattern="[Hh][Tt][Tt][Pp][Ss]?://.+" aria-label="URL of a file" placeholder="https://…" autocomplete="off" spellcheck="false">
    <select name="kind" aria-label="What it is"><option value="">by its name</option>
      ${["video", "image", "audio", "document"].map((each) => html`<option>${each}</option>`)}</select>
    <button>Fetch</button></form>${refused ? failure(refused) : nothing}</details>`;
}

const STATES = { sending, paused, waiting, accepted, failed, cancelled };

function entry(each, brief) {
  const last = LAST.includes(each.state);
  return html`<li class="panel">
    <div class="line"><strong class="clip">${each.name}</strong>${each.size === null ? nothing : html`<span class="muted">${bytes(each.size)}</span>`}
      ${each.pause && each.state === "sending" ? html`<button type="button" aria-label="Pause ${each.name}" @click=${each.pause}>Pause</button>` : nothing}
      ${each.state === "paused" ? html`<button type="button" aria-label="Go on with ${each.name}" @click=${each.resume}>Go on</button>` : nothing}
      ${each.state === "waiting" ? html`<button type="button" aria-label="Try now: ${each.name}" @click=${each.resume}>Try now</button>` : nothing}
      <button type="button" class="quiet" aria-label="${last ? "Dismiss" : "Cancel"} ${each.name}" @click=${() => (last ? dismiss(each) : each.cancel())}>${icon("close")}</button></div>
    ${STATES[each.state](each, brief)}
  </li>`;
}

/** The bar, and words for how far it is. */
function bar({ sent, size, name }, words) {
  const percent = size ? Math.floor((100 * sent) / size) : 0;
  return html`<p class="progress"><progress max="100" .value=${percent} aria-label="Upload of ${name}"></progress>
    <span>${words(`${count(percent)} %`, percent)}</span></p>`;
}

function sending(each) {
  return bar(each, (told, percent) => (percent < 100 ? `${told} sent` : "stored, waiting for the answer"));
}

function paused(each) {
  return bar(each, (told) => `paused at ${told}; what is sent is kept for a day`);
}

function waiting(each) {
  return html`${bar(each, (told) => `${told} sent`)}<p class="bad">${each.problem.message} It goes on by itself.</p>`;
}

function failed(each) {
  return failure(each.problem, each.resume);
}

function cancelled() {
  return html`<p class="muted">Cancelled; nothing is stored.</p>`;
}

/** The task of the upload, then what it made. */
function accepted(each, brief) {
  const task = standing(each.media);
  const stage = `${task.status}${task.playable ? " playable" : ""}`;
  if (stage !== each.read) follow(each, stage);
  return html`<p class="line">${status(task.status)}${progress({ type: each.name, ...task })}
      <a href=${href("tasks", each.media.task_id)}>its task</a> <a href=${href("media", `${each.kind}/${each.media.id}`)}>${each.kind}</a></p>
    ${task.status === "failed" ? html`<p class="bad">${task.error}</p>` : nothing}
    ${each.made && !brief ? result(each, task) : nothing}`;
}

/** A video plays from when it can, anything else is shown when it is done. */
function result({ kind, name, media, made }, task) {
  if (kind === "video") return made.playable ? player(media.id, opened(made.hls_url), opened(made.poster_url), name) : nothing;
  return task.status === "completed"
    ? html`<figure>${picture(made, MEDIUM)}<figcaption class="muted">Searchable now.</figcaption></figure>` : nothing;
}

/** Of what may have been missed, what became of uploads is read again. */
export function followAgain() {
  uploading.forEach((each) => delete each.read);
}

/** Reads the task once, so that events patch it, and the file again when it plays and when it is done. */
async function follow(each, stage) {
  each.read = stage;
  const asked = Date.now();
  const path = `/api/${each.kind}s/${each.media.id}`;
  try {
    keep([await call({ path: `/api/tasks/${each.media.task_id}` })], asked);
    if (stage.startsWith("completed") || stage.endsWith("playable")) each.made = { ...(await call({ path })), kind: each.kind };
  } catch {
    delete each.read;
    return;
  }
  update();
}
