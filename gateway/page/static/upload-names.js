// What the ids in payloads are called: the newest uploads, by id.

import { call } from "./api.js";
import { mayPass } from "./resource.js";
import { update } from "./update.js";

const MOST = 100;
const KEPT_MS = 3000;
const known = new Map();
const unknown = new Set();
let readAt = 0;
/** Whether the newest of all kinds were read once. */
let read = false;

/** {kind, filename, status, ...} of an upload, if it is known; otherwise the newest uploads are read, now and then. */
export function upload(id) {
  const found = known.get(id);
  if (!found && !unknown.has(id)) readNowAndThen([id]);
  return found;
}

/** All known uploads, newest first. */
export function uploads() {
  if (!read) readNowAndThen([]);
  return [...known.values()].sort((one, other) => (one.created_at < other.created_at ? 1 : -1));
}

export function remember(kind, found) {
  found.forEach((each) => known.set(each.id, { ...each, kind }));
}

function readNowAndThen(wanted) {
  if (Date.now() - readAt > KEPT_MS) readUploads(wanted);
}

/** Reads the newest of each kind. */
async function readUploads(wanted) {
  readAt = Date.now();
  let all = true;
  for (const kind of ["video", "image", "audio", "document"]) {
    try {
      remember(kind, (await call({ path: `/api/${kind}s`, query: { limit: MOST } }))[`${kind}s`]);
    } catch (problem) {
      all &&= !mayPass(problem);
    }
  }
  read ||= all;
  if (all) wanted.filter((id) => !known.has(id)).forEach((id) => unknown.add(id)); // else it is asked for again
  update();
}

/** The id of the file that a task's payload names. */
export function mediaOf({ payload }) {
  const id = payload?.video_id ?? payload?.media_id ?? payload?.entity_id;
  return typeof id === "string" ? id : undefined;
}
