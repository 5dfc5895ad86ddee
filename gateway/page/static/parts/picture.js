// What an upload looks like; its kind where no browser can show it.

import { opened } from "../links.js";
import { html } from "../lit.js";
import { icon } from "./icons.js";

/** Formats of images that browsers show. */
const SHOWN = ["image/jpeg", "image/png", "image/webp", "image/gif", "image/avif", "image/bmp"];

const SIGNS = { video: "film", audio: "sound", document: "page" };

/** Of {kind, filename, poster_url | source_url, content_type}. The name beside it says what it is. */
export function picture(file) {
  return pictureAt(link(file), file.kind);
}

/** Whether there is something to see yet. */
export function hasPicture(file) {
  return Boolean(link(file));
}

function link(file) {
  if (file.kind === "video") return file.status === "completed" && file.poster_url;
  return SHOWN.includes(file.content_type) && file.source_url;
}

/** The picture behind a link, or a sign that there is none. */
export function pictureAt(url, kind = "image") {
  if (!url) return html`<span class="picture none">${icon(SIGNS[kind] ?? "picture")}</span>`;
  return html`<img class="picture" src=${opened(url)} alt="" loading="lazy" decoding="async">`;
}
