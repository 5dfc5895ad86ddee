// What the ids in payloads are called: the newest uploads, by id.

import { call } from "./api.js";
import { update } from "./update.js";

const MOST = 100;
const KEPT_MS = 3000;
const known = new Map();
const unknown = new Set();
let readAt = 0;

/** {kind, filename, status, ...} of an upload, if it is known; otherwise the newest uploads are read, now and then. */
export function upload(id) {
  const found = known.get(id);
  if (!found && !unknown.has(id) && Date.now() - readAt > KEPT_MS) readUploads([id]);
  return found;
}

/** All known uploads, newest first. */
export function uploads() {
  if (!readAt) readUploads([]);
  return [...known.values()].sort((one, other) => (one.created_at < other.created_at ? 1 : -1));
}

export function remember(kind, found) {
  found.forEach((each) => known.set(each.id, { ...each, kind }));
}

/** Reads the newest of each kind. */
export async function readUploads(wanted = []) {
  readAt = Date.now();
  for (const kind of ["video", "image", "audio", "document"]) {
    const page = await call({ path: `/api/${kind}s`, query: { limit: MOST } }).catch(() => null);
    if (page) remember(kind, page[`${kind}s`]);
  }
  wanted.filter((id) => !known.has(id)).forEach((id) => unknown.add(id));
  update();
}

/** The id of the file that a task's payload names. */
export function mediaOf({ payload }) {
  const id = payload?.video_id ?? payload?.media_id ?? payload?.entity_id;
  return typeof id === "string" ? id : undefined;
}
