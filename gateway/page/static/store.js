// The tasks that are known, by id. Events patch them; an answer that was asked for before an event does not undo it.

const LIMIT = 5000;
const tasks = new Map();
/** id -> {at: when the last event came, in ms, ...what it told}. */
const told = new Map();

/** The task as it is known now. */
export function task(id) {
  return tasks.get(id);
}

/** How an uploaded file stands: as its task is known now, unless it was made all the same by another. */
export function standing(file) {
  return (file.status !== "completed" && task(file.task_id)) || file;
}

/** Keeps tasks from an answer that was asked for at `asked` (ms). */
export function keep(found, asked) {
  for (const each of found) {
    const news = told.get(each.id);
    const before = tasks.get(each.id);
    tasks.set(each.id, { ...before, ...each, ...(news && news.at >= asked ? news.fields : {}) });
  }
  if (tasks.size > LIMIT) [...tasks.keys()].slice(0, tasks.size - LIMIT).forEach((id) => tasks.delete(id));
}

/** Takes in an event; true if it was about a task that is known. */
export function apply(event) {
  if (!event.task_id) return false;
  const fields = changes(event);
  const before = told.get(event.task_id)?.fields ?? {};
  told.set(event.task_id, { at: Date.now(), fields: { ...before, ...fields } });
  if (told.size > LIMIT) told.delete(told.keys().next().value);
  const known = tasks.get(event.task_id);
  if (known) tasks.set(event.task_id, { ...known, ...fields });
  return known !== undefined;
}

function changes({ kind, at, status, ended, percent, stage, error, retry_count, scheduled_at }) {
  if (kind === "gone") return { gone: true };
  if (kind === "progress") return { progress: { percent, stage } };
  if (kind === "playable") return { playable: true };
  if (kind !== "status") return {};
  const fields = { status };
  if (status === "processing") Object.assign(fields, { started_at: at, progress: null, waiting: null });
  if (ended) Object.assign(fields, { completed_at: at, waiting: null });
  else fields.completed_at = null;
  if (error !== undefined) fields.error = error;
  if (retry_count !== undefined) fields.retry_count = retry_count;
  if (scheduled_at !== undefined) fields.scheduled_at = scheduled_at;
  return fields;
}
