// What a task was about and what it made: its video plays, its picture and its files are shown.

import { bytes } from "../format.js";
import { opened } from "../links.js";
import { html, nothing } from "../lit.js";
import { mediaOf, upload } from "../upload-names.js";
import { MEDIUM, hasPicture, picture } from "../parts/picture.js";
import { player } from "../parts/player.js";
import { href } from "../route.js";

const PICTURES = /\.(png|jpe?g|webp|gif)$/i;

export function made(task) {
  const id = mediaOf(task);
  const file = upload(id);
  const links = task.links ?? {};
  const parts = [
    links.hls_url ? player(task.id, opened(links.hls_url), opened(links.poster_url), file?.filename ?? "The video") : nothing,
    file && !links.hls_url && hasPicture(file) ? html`<figure>${picture(file, MEDIUM)}<figcaption>${file.filename}</figcaption></figure>` : nothing,
    links.files?.length ? files(links.files) : nothing,
  ].filter((each) => each !== nothing);
  if (!parts.length) return nothing;
  return html`<section class="panel made" aria-labelledby="made"><header><h2 id="made">${links.hls_url || links.files?.length ? "What it made" : "What it is about"}</h2>
    ${file ? html`<a href=${href("media", `${file.kind}/${file.id}`)}>${file.filename}</a>` : nothing}</header>${parts}</section>`;
}

/** Files that a plugin has made: pictures as such, others as links. */
export function files(all) {
  return html`<ul class="files">${all.map(({ name, size, url }) => html`<li><a href=${opened(url)} target="_blank" rel="noopener">
    ${PICTURES.test(name) ? html`<img src=${opened(url)} alt="" loading="lazy" decoding="async">` : nothing}
    <span>${name}</span> <span class="muted">${bytes(size)}</span></a></li>`)}</ul>`;
}
