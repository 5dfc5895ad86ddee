// Uploads that are half done, in this browser's storage: whoever chooses the same file again goes on with it.

const NAME = "mindia-tasks-uploads";
/** The gateway gives up what nobody goes on with, usually after a day. */
const KEPT_MS = 24 * 3600 * 1000;

/** The path of the upload that was kept under a name, or "". */
export function kept(name) {
  return all().get(name)?.[0] ?? "";
}

/** Keeps a path, or with "" forgets it. Where nothing may be kept, an upload goes on for as long as this tab is open. */
export function keep(name, path) {
  const entries = all();
  if (path) entries.set(name, [path, Date.now()]);
  else entries.delete(name);
  try {
    localStorage.setItem(NAME, JSON.stringify(Object.fromEntries(entries)));
  } catch {
    // no room, or no leave
  }
}

/** Forgets all, as whoever leaves this browser to others wants. */
export function forgetHalfDone() {
  try {
    localStorage.removeItem(NAME);
  } catch {
    // no leave: then there is nothing
  }
}

/** name -> [path, when it was begun]. */
function all() {
  try {
    const found = Object.entries(JSON.parse(localStorage.getItem(NAME)) ?? {});
    return new Map(found.filter(([, [, begun]]) => Date.now() - begun < KEPT_MS));
  } catch {
    return new Map();
  }
}
