// Links to files, as answers bring them. Each answer signs anew, but a picture that is shown under another link is
// fetched again, and a video that plays begins again: so the first link to a file stays until it is half run out.

import { base, clock } from "./api.js";

/** The signature in a link's path: whose it is, when it ends in seconds since the epoch, and what proves it. */
const SIGNATURE = /\/[0-9a-f]{32}\.(\d+)\.[\w-]+/;
const HALF_LIFE_S = 12 * 3600;
const LIMIT = 2000;
/** Link without its signature -> the one that is used. */
const used = new Map();

/** A link from an answer as this page may open it: only http and https; undefined for anything else. */
export function opened(link) {
  if (!link) return undefined;
  const url = new URL(steady(link), base);
  return ["http:", "https:"].includes(url.protocol) ? url.href : undefined;
}

function steady(link) {
  const file = link.replace(SIGNATURE, "");
  if (file === link) return link;
  if (left(used.get(file)) > HALF_LIFE_S) return used.get(file);
  used.set(file, link);
  if (used.size > LIMIT) used.delete(used.keys().next().value);
  return link;
}

/** Seconds that a link is still valid. */
function left(link) {
  return link ? Number(SIGNATURE.exec(link)[1]) - (Date.now() + clock.ahead) / 1000 : 0;
}
