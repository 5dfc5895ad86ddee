// What an upload looks like; its kind where no browser can show it.

import { opened } from "../links.js";
import { html, nothing } from "../lit.js";
import { update } from "../update.js";
import { icon } from "./icons.js";

/** Formats of images that browsers show. */
const SHOWN = ["image/jpeg", "image/png", "image/webp", "image/gif", "image/avif", "image/bmp"];

const SIGNS = { video: "film", audio: "sound", document: "page" };

/** Pixels that a picture is wide among many, beside words, and alone. */
const SMALL = 320;
export const MEDIUM = 640;
const LARGE = 1280;

/** Links behind which there was no picture: what is next best is shown instead. */
const missing = new Set();

/** What was not to be had without a connection is looked for again. */
export function lookAgain() {
  missing.clear();
}

/**
 * Of {kind, filename, content_type, poster_url | thumbnail_url, source_url}, `width` pixels wide. The name beside it says
 * what it is.
 */
export function picture(file, width = SMALL) {
  return first(small(file, width), file.kind);
}

/** The same as large as there is: an image itself, where browsers show it. */
export function largePicture(file) {
  return first(large(file), file.kind);
}

/** Whether there is something to see yet. */
export function hasPicture(file) {
  return Boolean(seen(large(file)));
}

/** What a hit of a search looks like: its moment in a video, an image by its small picture. */
export function pictureOfHit({ entity_type: kind, thumbnail_url, picture_url, places }) {
  const moment = places[0]?.picture_url;
  return first(kind === "image" ? [sized(thumbnail_url, SMALL), whole(picture_url)] : [whole(moment ?? picture_url)], kind);
}

/** All links to it, best first; ones that there are not are undefined. */
function small(file, width) {
  return file.kind === "image" ? [sized(file.thumbnail_url, width), original(file)] : [poster(file)];
}

function large(file) {
  return file.kind === "image" ? [original(file), sized(file.thumbnail_url, LARGE)] : [poster(file)];
}

function poster(file) {
  return whole(file.kind === "video" && file.status === "completed" && file.poster_url);
}

function original(file) {
  return whole(SHOWN.includes(file.content_type) && file.source_url);
}

function whole(url) {
  return url ? { src: opened(url) } : undefined;
}

/** Twice as wide where the screen has twice the pixels. */
function sized(url, width) {
  return url ? { src: `${opened(url)}?width=${width}`, srcset: `${opened(url)}?width=${2 * width} 2x` } : undefined;
}

function seen(links) {
  return links.find((each) => each && !missing.has(each.src));
}

/** The first picture of these that there is, or a sign that there is none. */
function first(links, kind) {
  const found = seen(links);
  if (!found) return html`<span class="picture none">${icon(SIGNS[kind] ?? "picture")}</span>`;
  const failed = () => {
    missing.add(found.src);
    update();
  };
  return html`<img class="picture" src=${found.src} srcset=${found.srcset ?? nothing} alt="" loading="lazy" decoding="async" @error=${failed}>`;
}
