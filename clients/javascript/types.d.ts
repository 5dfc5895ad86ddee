// Shapes of what the API takes and answers. Made by `python -m mindia_client.generate`: do not edit.

export interface Accuracy {
  /** Starts that were scored. */
  starts: number;
  /** The part of them that began between p10 and p90; 0.8 is right. */
  coverage: number;
  /** Median of how far p50 was off, as a part of the wait. */
  median_error: number;
}

export interface ApiKey {
  /** Its public id, the second part of the key. */
  id: string;
  /** What it is for. */
  name: string;
  /** Whose it is. */
  tenant: string;
  /** What it is good for. */
  scopes: ("read" | "write" | "admin")[];
  /** When it was made. */
  created_at: string;
  /** The id of the key with which it was made, or `cli:user@host`. */
  created_by: string;
  /** When it ends; null for never. */
  expires_at: string | null;
  /** Whether it has ended. It stays in the list for 30 days or more. */
  expired: boolean;
  /** When it was last used, give or take a minute; null for never. */
  last_used_at: string | null;
  /** When it was given its present secret, if not at first. */
  rotated_at: string | null;
  /** Until then its former secret is valid too; null when it is not. */
  former_until: string | null;
}

export interface ApiKeyPage {
  keys: ApiKey[];
  /** How many match in all, at the same moment. */
  total: number;
  limit: number;
  offset: number;
}

export interface Attempt {
  started_at?: string | null;
  ended_at?: string | null;
  outcome?: string;
  error?: string | null;
  worker?: string | null;
}

export interface Audio {
  /** The file's id. */
  id: string;
  /** The name it was sent with. */
  filename: string;
  /** What its bytes say it is; null until it is fetched from its URL. */
  content_type: string | null;
  /** Bytes; null until then. */
  size: number | null;
  /** When it was uploaded. */
  created_at: string;
  /** When it is deleted by itself. */
  expires_at: string | null;
  /** The task that the upload made. */
  task_id: string | null;
  /** The flow of that task and of what follows it by `then`; null where nothing does. */
  flow: string | null;
  /** That task's status; completed, too, once another task has made what it did not. */
  status: "pending" | "scheduled" | "processing" | "completed" | "failed" | "cancelled";
  /** How far that task is. */
  progress: Progress | null;
  /** What went wrong with it last. */
  error: string | null;
  /** The uploaded file itself; opens without a key, for 24 hours. */
  source_url: string;
  /** The tags it was uploaded with. */
  tags: string[];
  /** Whether and how it can be searched for. */
  index: Index;
  /** What plugins made of it, by their names. */
  plugins: Record<string, PluginNote>;
  /** Its length, once known. */
  duration_seconds: number | null;
  /** As the file says, once known; likewise the others. */
  title: string | null;
  /** Who made it. */
  artist: string | null;
  /** What it was published on. */
  album: string | null;
  /** What it is called. */
  genre: string | null;
}

export interface AudioPage {
  audios: Audio[];
  /** How many match in all, at the same moment. */
  total: number;
  limit: number;
  offset: number;
}

export interface AudioTrack {
  /** What viewers see: its title, else its language. */
  name: string;
  /** A BCP 47 tag, und where the file has none. */
  language: string;
  /** Its playlist, relative to the master playlist. */
  playlist: string;
}

export interface AuditEntry {
  /** Its place in the log. */
  id: string;
  /** When it was made. */
  at: string;
  /** The id of the key with which it was made, `API_KEYS:1` for an entry there, or `cli:user@host`. */
  actor: string;
  /** Whose key that is; null for the command line. */
  tenant: string | null;
  /** The X-Request-Id that the request had. */
  request_id: string | null;
  /** What was done. */
  action: "queue.configured" | "worker.drained" | "key.created" | "key.rotated" | "key.revoked" | "webhook.created" | "webhook.changed" | "webhook.secret_rotated" | "webhook.deleted" | "plugin_config.replaced" | "plugin_config.deleted" | "doctor.repaired" | "tenant.changed" | "hold.created" | "hold.deleted" | "media.deleted" | "task.deleted" | "operation.created" | "operation.completed" | "operation.cancelled" | "failure.changed";
  /** To what: a queue's or plugin's name, else an id. */
  subject: string;
  /** How it was, without secrets; null for what was not there. */
  before: Record<string, unknown> | null;
  /** How it is since, without secrets; null for what is gone. */
  after: Record<string, unknown> | null;
}

export interface AuditPage {
  entries: AuditEntry[];
  /** Where the next page begins; null when there is none. A page may be short and yet not the last. */
  next_cursor: string | null;
}

export interface AutoscaleAnswer {
  /** What was asked for. */
  objective_seconds: number;
  workers: WorkersWanted[];
}

export interface Bill {
  /** From when it counts: before the first run from its creation, before a later one from the last time that it was put into its queue. */
  since: string;
  /** From then to the start of its latest run: the sum of all reasons, to the microsecond. */
  seconds: number;
  /** Until it was due; a retry's back-off lies before `since`. */
  scheduled: number;
  /** Until the tasks that it depends on had ended. */
  depends_on: number;
  /** Put aside by the operator. */
  held: number;
  /** Its type was paused, or everything. */
  paused: number;
  /** No worker listened to its type, or knew its version. */
  no_worker: number;
  /** Its tenant ran, or started, as much as it may. */
  tenant_limit: number;
  /** Its group ran as many as it may. */
  group_limit: number;
  /** As many of its type ran as may. */
  concurrency: number;
  /** Its type had no token. */
  rate_limit: number;
  /** Workers were busy, and the next turn was another tenant's. */
  share: number;
  /** Workers were busy, and the next turn was its tenant's. */
  workers_busy: number;
  /** A worker was free. */
  hand_over: number;
  /** No daemon was looking, or it is too long ago. */
  unknown: number;
}

export interface Caption {
  /** The captions' id. */
  id: string;
  /** A language tag (BCP 47); und where nobody has said. */
  language: string;
  /** What players call it. */
  label: string;
  /** `upload`, `embedded` (a track of the uploaded file), or the plugin that heard what is said. */
  source: string;
  /** How many there are. */
  cues: number;
  /** When it was added, if that was by an upload. */
  created_at: string | null;
  /** The text as WebVTT, for a track element, say; opens without a key, for 24 hours. */
  url: string;
}

export interface CaptionList {
  /** In the order in which players list them; at most 100 are added. */
  captions: Caption[];
}

export interface CaptionUpload {
  /** SubRip (SRT) or WebVTT in UTF-8, at most 2097152 bytes and 20000 cues. Kept as WebVTT: its tags and places stay, styles, comments and other markup do not. */
  file: string;
  /** A language tag (BCP 47). */
  language: string;
  /** What players call it, such as English; its language unless given. */
  label?: string;
}

export interface ChangeTask {
  /** Higher runs first. It takes a task out of the background. */
  priority?: number;
  /** Into the background, or out of it to priority 0. Not true together with a priority. */
  background?: boolean;
  /** Not before this moment; one that has passed is at once. Either this or delay_seconds. ISO 8601, in UTC unless it has an offset. */
  scheduled_at?: string;
  /** Not before so many seconds from now. Either this or scheduled_at. */
  delay_seconds?: number;
  /** Words to know the task by, in the place of those it has. */
  tags?: string[];
}

export interface ChangeWebhook {
  /** Where events are sent: http or https, on the public internet, without user name or password. */
  url?: string;
  /** Which events are sent. */
  events?: ("task.processing" | "task.completed" | "task.failed" | "task.cancelled" | "video.playable" | "flow.completed" | "flow.failed")[];
  description?: string;
  /** What happens while it is disabled is not sent later. */
  enabled?: boolean;
}

export interface Changed {
  /** The task's id. */
  id: string;
  /** Its status now. */
  status: "pending" | "scheduled" | "processing" | "completed" | "failed" | "cancelled";
  /** The same in words. */
  message: string;
}

export interface CreateKey {
  /** What it is for, for your own memory: one line of printable characters. */
  name: string;
  /** What it is good for. None implies another. */
  scopes: ("read" | "write" | "admin")[];
  /** Whose key it is; your own tenant's if it is left out. A tenant is made by its first key. */
  tenant?: string;
  /** When it ends; never if it is left out. */
  expires_at?: string;
}

export interface CreateTask {
  /** What to do. */
  type: "EmbeddingGeneration" | "PluginExecution" | "VideoTranscoding";
  /** What to do it with; its form depends on the type. */
  payload: EmbeddingPayload | PluginPayload | VideoTranscodingPayload;
  /** Higher runs first; the type's default if left out. */
  priority?: number;
  /** Below every priority of every type: it starts when nothing else that waits could. Not true together with a priority. */
  background?: boolean;
  /** Not before this moment. Either this or delay_seconds. ISO 8601, in UTC unless it has an offset. */
  scheduled_at?: string;
  /** Not before so many seconds from now. Either this or scheduled_at. */
  delay_seconds?: number;
  /** Of no use unless a run of it begins before this moment, which is in the future. It is cancelled then if none has begun, and refused (`deadline_impossible`) when none can: because it, or what it depends on, is due later, or because by the forecast nine of ten such tasks would begin later. ISO 8601, in UTC unless it has an offset. */
  deadline?: string;
  /** The type's default if left out. */
  max_retries?: number;
  /** How long a run may take; the type's default if left out. */
  timeout_seconds?: number;
  /** Your end user, say: groups share alike what you get, and none waits for another's flood. */
  group?: string;
  /** Words to know the task by. */
  tags?: string[];
  /** While a task of this type and key is unfinished, that task is the answer (200). */
  unique_key?: string;
  /** Ids of tasks of yours that have to end before; until then it is scheduled. With a time as well, both are waited for. */
  depends_on?: string[];
  /** What becomes of it when one of those fails, is cancelled or deleted: `cancel` (if left out), also when that was before, and so on with what depends on this one; `run`: it counts as ended. To retry the other brings a cancelled one not back. */
  on_failure?: "cancel" | "run";
  /** A flow to belong to, of your choice: 1 to 64 letters, digits, - and _. */
  flow?: string;
}

export interface CreateTasks {
  /** Accepted all or none. */
  tasks: CreateTask[];
}

export interface CreateWebhook {
  /** Where events are sent: http or https, on the public internet, without user name or password. */
  url: string;
  /** Which events are sent. */
  events: ("task.processing" | "task.completed" | "task.failed" | "task.cancelled" | "video.playable" | "flow.completed" | "flow.failed")[];
  /** For your own memory. */
  description?: string;
  /** Whether events are sent. */
  enabled?: boolean;
}

export interface CreatedKey {
  /** Its public id, the second part of the key. */
  id: string;
  /** What it is for. */
  name: string;
  /** Whose it is. */
  tenant: string;
  /** What it is good for. */
  scopes: ("read" | "write" | "admin")[];
  /** When it was made. */
  created_at: string;
  /** The id of the key with which it was made, or `cli:user@host`. */
  created_by: string;
  /** When it ends; null for never. */
  expires_at: string | null;
  /** Whether it has ended. It stays in the list for 30 days or more. */
  expired: boolean;
  /** When it was last used, give or take a minute; null for never. */
  last_used_at: string | null;
  /** When it was given its present secret, if not at first. */
  rotated_at: string | null;
  /** Until then its former secret is valid too; null when it is not. */
  former_until: string | null;
  /** The key itself; it is shown this once. */
  key: string;
}

export interface CreatedWebhook {
  /** Its id. */
  id: string;
  /** Where events are sent. */
  url: string;
  /** Which events are sent. */
  events: ("task.processing" | "task.completed" | "task.failed" | "task.cancelled" | "video.playable" | "flow.completed" | "flow.failed")[];
  /** Its owner's words. */
  description: string;
  /** Whether events are sent. */
  enabled: boolean;
  /** Why it was disabled, if its owner has not done it. */
  disabled_reason: string | null;
  /** The first of the failures since which nothing has succeeded. */
  failing_since: string | null;
  /** When it was made. */
  created_at: string;
  /** Verifies signatures; it is shown this once. */
  secret: string;
}

export interface Defect {
  /** Where: a JSON pointer into the body as a URI fragment, or the name of a query parameter, header or part. */
  pointer: string;
  /** What is wrong there. */
  detail: string;
}

export interface Delivery {
  /** The webhook-id, the same for every attempt; names the delivery. */
  event_id: string;
  /** The type of the event. */
  type: string;
  /** The task it is about; null for a flow or a test. */
  task_id: string | null;
  /** The flow it is about; null for a task or a test. */
  flow: string | null;
  /** 1 for the first. */
  attempt: number;
  /** When it ended. */
  at: string;
  /** What was answered; null when nobody answered. */
  status_code: number | null;
  /** What went wrong; null when it was delivered. */
  error: string | null;
  /** How long it took; null when that is not known. */
  duration_seconds: number | null;
  /** When it is sent again; null when it is not. */
  next_attempt_at: string | null;
}

export interface DeliveryPage {
  deliveries: Delivery[];
  /** How many match in all, at the same moment. */
  total: number;
  limit: number;
  offset: number;
}

export interface Document {
  /** The file's id. */
  id: string;
  /** The name it was sent with. */
  filename: string;
  /** What its bytes say it is; null until it is fetched from its URL. */
  content_type: string | null;
  /** Bytes; null until then. */
  size: number | null;
  /** When it was uploaded. */
  created_at: string;
  /** When it is deleted by itself. */
  expires_at: string | null;
  /** The task that the upload made. */
  task_id: string | null;
  /** The flow of that task and of what follows it by `then`; null where nothing does. */
  flow: string | null;
  /** That task's status; completed, too, once another task has made what it did not. */
  status: "pending" | "scheduled" | "processing" | "completed" | "failed" | "cancelled";
  /** How far that task is. */
  progress: Progress | null;
  /** What went wrong with it last. */
  error: string | null;
  /** The uploaded file itself; opens without a key, for 24 hours. */
  source_url: string;
  /** The tags it was uploaded with. */
  tags: string[];
  /** Whether and how it can be searched for. */
  index: Index;
  /** What plugins made of it, by their names. */
  plugins: Record<string, PluginNote>;
  /** A PDF for browsers to show, `#page=7` behind it at that page; opens likewise. Null for all else. */
  view_url: string | null;
}

export interface DocumentPage {
  documents: Document[];
  /** How many match in all, at the same moment. */
  total: number;
  limit: number;
  offset: number;
}

export interface Drained {
  /** One of ten is sooner. */
  p10: number;
  /** Half are sooner. */
  p50: number;
  /** Nine of ten are sooner. */
  p90: number;
}

export interface Duplicate {
  /** Its id. */
  entity_id: string;
  /** The name it was sent with. */
  filename: string;
}

export interface EmbeddingPayload {
  entity_type: "image" | "video" | "audio" | "document";
  entity_id: string;
  /** Only what is said in it anew, by its transcripts and captions, beside what there is of it. */
  speech_only?: boolean;
  /** Only by workers that make this generation; others leave it, and say what they make. */
  generation?: string;
}

export interface EmbeddingResult {
  model?: string;
  dimensions?: number;
  vectors?: number;
  /** Passages of a long text that are not among them, spread evenly; not there when none are. */
  passages_left_out?: number;
  /** True when the text goes on behind what was read of it; else not there. */
  cut_off?: boolean;
  /** Pages of a PDF that were read as pictures, as scans are; not there when none were. */
  ocr_pages?: number;
  /** Pages of hardly any text that were not read so, because it is off, they are too many, or cannot be drawn; not there when there are none. */
  ocr_pages_left_out?: number;
}

export interface Ended {
  /** Tasks that ended in it as completed. */
  completed: number;
  /** Tasks that ended in it as failed. */
  failed: number;
  /** Tasks that ended in it as cancelled. */
  cancelled: number;
}

export interface Estimate {
  start: Span;
  finish: Span;
  /** Whether durations were measured, or are what the type declares. */
  basis: "measured" | "declared";
  /** When this was worked out. */
  made_at: string;
}

export interface Execute {
  /** An uploaded file of your own. */
  media_id: string;
  /** As the `deadline` of a task, in the future. */
  deadline?: string;
}

export interface Failure {
  /** The group's id; the same cause in the same type has the same. */
  id: string;
  /** What failed. */
  type: "EmbeddingGeneration" | "PluginExecution" | "VideoTranscoding";
  /** What their errors have in common, `<n>`, `<id>` and the like for what differs. */
  cause: string;
  /** The error of the last. */
  message: string;
  /** What was said of it. */
  state: "open" | "resolved" | "ignored";
  /** How often a task has failed so for good. */
  count: number;
  /** When one did first. */
  first_at: string;
  /** When one did last. */
  last_at: string;
  /** Up to five of the newest; some may have been retried since. */
  task_ids: string[];
  /** Since when it is open again after it was resolved, if it is. */
  regressed_at: string | null;
  /** How often it has failed again after it was resolved. */
  regressions: number;
}

export interface FailurePage {
  failures: Failure[];
  /** How many match in all, at the same moment. */
  total: number;
  limit: number;
  offset: number;
}

export interface Flow {
  /** The id that its owner has chosen. */
  id: string;
  /** open while a task of it has not ended; then completed if all of them have, else failed. */
  status: "open" | "completed" | "failed";
  /** Its tasks. */
  total: number;
  /** Its tasks per status; one that was deleted before its end counts as cancelled. */
  by_status: Record<string, number>;
  /** When its first task was submitted. */
  created_at: string;
  /** When the last of them ended; null while it is open. */
  ended_at: string | null;
}

export interface FlowEvent {
  /** How it ended. */
  type: "flow.completed" | "flow.failed";
  /** When it ended. */
  timestamp: string;
  /** The flow as it was in that moment. */
  data: Flow;
}

export interface Generation {
  /** The model, and a digest of all else that makes an embedding. */
  name: string;
  /** How many files it has embedded. */
  files: number;
  /** `active` answers searches, `next` is to, `kept` did, and is removed after `SEARCH_KEEP_DAYS`. */
  state: "active" | "next" | "kept";
  /** Since when it is kept. */
  kept_since: string | null;
}

export interface Health {
  /** Always ok. */
  status: "ok";
}

export interface Help {
  /** What to change. */
  change: string;
  /** By how much sooner it starts; null where it starts no other way. */
  saves_seconds: number | null;
}

export interface HistoryRow {
  /** When the step began. */
  begin: string;
  /** Runs that began; one that is tried again counts when it ends for good. */
  started: number;
  ended: Ended;
  /** How long tasks waited that started in it; of a sample. */
  wait: Quantiles | null;
  /** How long runs took that ended well in it; of a sample. */
  run: Quantiles | null;
}

export interface Hit {
  /** What it is. */
  entity_type: string;
  /** Its id. */
  entity_id: string;
  /** The name it was sent with. */
  filename: string;
  /** Cosine of the angle between query and content; 1 is the best. */
  similarity: number;
  /** How likely it is meant, 0 to 1, comparable between kinds of media; a half is as likely as not. Null where the model is one that this is not known of. */
  relevance: number | null;
  /** A picture of it, if there is one; opens without a key, for 24 hours. */
  picture_url: string | null;
  /** As `thumbnail_url` of the image or video: add `?width=`. Under the same rules. */
  thumbnail_url: string | null;
  /** Why it was found, by its best place; null for what an earlier release has embedded. */
  matched: string | null;
  /** Where in it, the best three at most, best first. */
  places: Place[];
  /** Files with the very same bytes that matched, too, best first; they are no hits of their own on any page. */
  duplicates: Duplicate[];
}

export interface Hold {
  /** The hold's id. */
  id: string;
  /** Why. */
  reason: string;
  /** Since when. */
  created_at: string;
  /** Tasks that it holds up. */
  held: number;
  /** Whether all that waited when it was made was looked at; more may be held up until then. */
  settled: boolean;
  /** Of this type. */
  type: string | null;
  /** Of this tenant. */
  tenant: string | null;
  /** Of this group. */
  group: string | null;
  /** With this tag. */
  tag: string | null;
  /** Whose payload names this file. */
  media_id: string | null;
}

export interface HoldList {
  /** The oldest first. */
  holds: Hold[];
}

export interface HowAgain {
  /** Further members of their payload. */
  options: Record<string, unknown>;
  /** Whether they wait until nothing else does. */
  background: boolean;
  /** Their tags. */
  tags: string[];
}

export interface Image {
  /** The file's id. */
  id: string;
  /** The name it was sent with. */
  filename: string;
  /** What its bytes say it is; null until it is fetched from its URL. */
  content_type: string | null;
  /** Bytes; null until then. */
  size: number | null;
  /** When it was uploaded. */
  created_at: string;
  /** When it is deleted by itself. */
  expires_at: string | null;
  /** The task that the upload made. */
  task_id: string | null;
  /** The flow of that task and of what follows it by `then`; null where nothing does. */
  flow: string | null;
  /** That task's status; completed, too, once another task has made what it did not. */
  status: "pending" | "scheduled" | "processing" | "completed" | "failed" | "cancelled";
  /** How far that task is. */
  progress: Progress | null;
  /** What went wrong with it last. */
  error: string | null;
  /** The uploaded file itself; opens without a key, for 24 hours. */
  source_url: string;
  /** The tags it was uploaded with. */
  tags: string[];
  /** Whether and how it can be searched for. */
  index: Index;
  /** What plugins made of it, by their names. */
  plugins: Record<string, PluginNote>;
  /** A small WebP of it, upright and without metadata, whatever its own format: add `?width=`. Opens without a key, for 24 hours; null until the file is fetched from its URL. */
  thumbnail_url: string | null;
}

export interface ImagePage {
  images: Image[];
  /** How many match in all, at the same moment. */
  total: number;
  limit: number;
  offset: number;
}

export interface Index {
  /** `left_out`: it was not asked for, or the task has gone. */
  status: "left_out" | "waiting" | "indexed" | "failed";
  /** The task that makes it searchable. */
  task_id: string | null;
  /** What its vectors were made by, once there are some. */
  model: string | null;
  /** How many parts of it can be found: scenes, passages, words spoken, its name. */
  vectors: number | null;
  /** Passages of a long text that are not among them; those that are are spread evenly. */
  passages_left_out: number;
  /** Whether the text goes on behind what was read of it. */
  cut_off: boolean;
  /** Pages of a PDF that were read as pictures, as scans are. */
  ocr_pages: number;
  /** Pages of hardly any text that were not read so: it is off, they are too many, or cannot be drawn. */
  ocr_pages_left_out: number;
  /** Why it cannot be searched for. */
  error: string | null;
}

export interface LinkedFile {
  /** Its name. */
  name: string;
  /** Bytes. */
  size: number;
  /** Where it is; opens without a key, for 24 hours. */
  url: string;
}

export interface LogLine {
  /** The attempt and the line's number in it; numbers of lines that are missing are left out. */
  id: string;
  /** The run that said it, 1 for the first. */
  attempt: number;
  /** When. */
  at: string;
  /** `debug`, `info`, `warning`, `error` or `critical`. */
  level: string;
  /** Who: `handler`, a library, or `stdout` and `stderr` for what was printed. */
  logger: string;
  /** What. Control characters are written as escapes, but for the ends of lines. */
  message: string;
}

export interface LogPage {
  lines: LogLine[];
  /** Ask with this `after` for those that follow; null when there are none yet. */
  next: string | null;
  /** How many older lines are not kept any more. */
  removed: number;
}

export interface Loudness {
  integrated_lufs: number;
  range_lu: number;
  /** Null for silence. */
  true_peak_dbtp: number | null;
}

export interface Me {
  /** Its name. */
  tenant: string;
  /** The same as a UUID; payloads may have either. */
  tenant_id: string;
  /** Whether the key has the scope admin: it sees and changes what all share. */
  operator: boolean;
  /** The key's id, or `API_KEYS:2` for the second entry there. */
  key: string;
  /** Its scopes. */
  scopes: ("read" | "write" | "admin")[];
  /** Where rq-dashboard is, for the operator; null where that is not known. */
  dashboard_url: string | null;
  /** When it ends; null for never. */
  expires_at: string | null;
}

export interface MeasuredLoudness {
  /** Over the whole length, in LUFS. */
  integrated_lufs: number;
  /** The loudness range, in LU. */
  range_lu: number;
  /** The highest peak between samples, in dBTP; null for silence. */
  true_peak_dbtp: number | null;
}

export interface MediaByUrl {
  /** Where it is: http or https, on the public internet, without a user name or password. A few redirects are followed. It is not shown again. */
  url: string;
  /** What it is called; else the end of the URL's path. */
  filename?: string;
  /** As in the form. */
  expires_at?: string;
  /** As in the form. */
  deadline?: string;
  /** As in the form. */
  group?: string;
  /** As in the form. */
  tags?: string[];
  /** As in the form. */
  embed?: boolean;
  /** As in the form. */
  then?: string[];
}

export interface MediaUpload {
  /** The file, with its name. Its bytes tell what it is. */
  file: string;
  /** When it is deleted by itself, with all that was made of it; in the future. The operator may keep files for a shorter time. */
  expires_at?: string;
  /** As the `deadline` of a task, for the upload's own, in the future: what follows it by `then` is cancelled with it. */
  deadline?: string;
  /** As the `group` of a task, for all tasks of the upload: your end user, say. */
  group?: string;
  /** As the `tags` of a task, for all tasks of the upload: a JSON list. */
  tags?: string;
  /** `false` leaves it out of search, `true` makes it searchable, beside whatever else is made of it. Unless given, as the operator has set it for this kind of media (`EMBED_UPLOADS`): `true`, usually. */
  embed?: boolean;
  /** What is to follow the upload's own task once that has completed: a JSON list of plugins by their names, and of the word embedding, by which a video becomes searchable when it is transcoded and not at once: `["checksum", "embedding"]`. All of these tasks, that of the upload among them, are one flow, of whose end webhooks are told once. */
  then?: string;
}

export interface NewHold {
  /** Tasks of this type. */
  type?: "EmbeddingGeneration" | "PluginExecution" | "VideoTranscoding";
  /** Tasks of this tenant. */
  tenant?: string;
  /** Tasks of this group, of whatever tenant. */
  group?: string;
  /** Tasks with this tag. */
  tag?: string;
  /** Tasks whose payload names this file. */
  media_id?: string;
  /** Why, for whoever asks what a task waits for. */
  reason: string;
}

export interface NewOperation {
  /** `cancel` those that wait, `retry` those that have failed, `delete` those that have ended; `reprocess` transcodes videos again. */
  action: "cancel" | "retry" | "delete" | "reprocess";
  /** Which tasks: those that match all of it; an empty object is all. With `reprocess` videos, by `ids`, `uploaded_from` and `uploaded_to`. */
  filter: TaskSelection;
  /** Cancel: also stop those that are being processed. Retry: grant one more retry where all are used. */
  force?: boolean;
  /** Only count them. */
  dry_run?: boolean;
  /** Reprocess: further members of the payload of VideoTranscoding, beside `video_id`; none if left out. */
  options?: Record<string, unknown>;
  /** Reprocess: whether the tasks wait until nothing else does; else they have priority 0. True if left out. */
  background?: boolean;
  /** Reprocess: tags of the tasks, to find them by. */
  tags?: string[];
}

export interface NoBody {
}

export interface NotEmbedded {
  /** Its id. */
  entity_id: string;
  /** Why. */
  error: string;
}

export interface Operation {
  /** The operation's id. */
  id: string;
  /** What is done. */
  action: "cancel" | "retry" | "delete" | "reprocess";
  /** With which tasks or videos, as it was asked for. */
  filter: Record<string, unknown>;
  /** How videos are transcoded again, where they are. */
  how: HowAgain | null;
  /** Whether what is otherwise refused is done, too. */
  force: boolean;
  /** Whether it only counts; `done` are those that would be acted on. */
  dry_run: boolean;
  /** Where it is. */
  status: "running" | "completed" | "cancelled";
  /** When it began. */
  created_at: string;
  /** When it ended. */
  ended_at: string | null;
  /** Why it cannot go on for now, which it does by itself. */
  waits_for: "queue_full" | "quota_exceeded" | null;
  /** How many tasks or videos have to be looked at, as counted when it began. */
  candidates: number;
  /** How many of them were looked at. */
  examined: number;
  /** How many of these match: the sum of the next three. */
  matched: number;
  /** How many were acted on; with `reprocess`, for how many a task was made. */
  done: number;
  /** With how many nothing could be done, such as retries that are used up. */
  skipped: number;
  /** With how many it went wrong. */
  failed: number;
  /** Why tasks were skipped or failed, and how many. */
  reasons: Record<string, number>;
}

export interface OperationPage {
  operations: Operation[];
  /** How many match in all, at the same moment. */
  total: number;
  limit: number;
  offset: number;
}

export interface Outlook {
  /** How many there are. */
  tasks: number;
  /** When the last of them starts; null for never, and without any. */
  drained: Drained | null;
  /** How long they wait, from now on, of those that start. */
  wait: Waited | null;
}

export interface PaginationMetadata {
  /** Total number of items. */
  total?: number;
  /** Total number of pages. */
  total_pages?: number;
  /** First available page number. */
  first_page?: number;
  /** Last available page number. */
  last_page?: number;
  /** Current page number. */
  page?: number;
  /** Previous page number. */
  previous_page?: number;
  /** Next page number. */
  next_page?: number;
}

export interface PictureSearch {
  /** Only this kind of media. */
  type?: "video" | "image" | "audio" | "document";
  /** Results at most. */
  limit?: number;
  /** Leave out what is less similar; no threshold if left out. */
  min_similarity?: number;
  /** Only what was uploaded then or later. */
  start_date?: string;
  /** Only what was uploaded then or earlier. */
  end_date?: string;
  /** Bytes at least. */
  min_size?: number;
  /** Bytes at most. */
  max_size?: number;
  /** Seconds at least; only what is known to be so long. */
  min_duration?: number;
  /** Seconds at most, likewise. */
  max_duration?: number;
  /** Only what was uploaded with this tag. */
  tag?: string;
  /** Only names that have this in them, whatever its case. */
  filename?: string;
  /** Go on where an answer ended, by its `next_cursor`; else the same. */
  cursor?: string;
  /** A picture of at most 64 MiB: JPEG, PNG, GIF, WebP, AVIF or HEIC. */
  file: string;
}

export interface Place {
  /** Why: `label`, what a classifier sees; `picture`, for models that see themselves; `name`, words of the file's name or title; `passage` of a document; `speech`, what is said; `text`, words in a picture. */
  matched: "label" | "picture" | "name" | "passage" | "speech" | "text";
  /** Cosine of the angle between query and this place. */
  similarity: number;
  /** The words there; of a picture, the labels that say the most. */
  text: string | null;
  /** Where in `text` words of the query are, in some form: `[first character, the one after the last]` of each. */
  marks: number[][];
  /** Seconds from the beginning of the recording; when a frame is shown. */
  start: number | null;
  /** Seconds, of what is said. */
  end: number | null;
  /** Of a document with pages, from 1. */
  page: number | null;
  /** That page of a PDF, for browsers to show; opens without a key, for 24 hours. */
  page_url: string | null;
  /** Characters of the page's or the document's text before the passage. */
  offset: number | null;
  /** That moment of a video, as a picture; opens without a key, for 24 hours. */
  picture_url: string | null;
}

export interface PluginConfigUpdate {
  /** As the plugin's config_schema says. */
  config: Record<string, unknown>;
}

export interface PluginFile {
  name: string;
  size: number;
}

export interface PluginInfo {
  /** What it is called by. */
  name: string;
  /** What it does. */
  description: string;
  /** Kinds of media it takes. */
  media_types: string[];
  /** Its settings, as JSON Schema. */
  config_schema: Record<string, unknown>;
  /** Whether its settings are complete. */
  enabled: boolean;
  /** False while each live worker that runs plugins lacks what this one needs: install it there. */
  runnable: boolean;
  /** What installs that, as pip takes it; null where it does not say. */
  installed_by: string | null;
  /** Yours, as `/config` answers; null where they cannot be read. */
  settings: PluginSettings | null;
  /** Why they cannot be read. */
  settings_error: string | null;
}

export interface PluginList {
  plugins: PluginInfo[];
}

export interface PluginNote {
  /** The task whose result has all of it. */
  task_id: string;
  /** Its answer; null above 4 KiB: see the task's result. */
  data: Record<string, unknown> | null;
  /** What it has made beside that. */
  files: LinkedFile[];
}

export interface PluginPayload {
  plugin_name: string;
  media_id: string;
  tenant_id?: string;
}

export interface PluginResult {
  plugin_name: string;
  media_id: string;
  data: Record<string, unknown>;
  files: PluginFile[];
}

export interface PluginSettings {
  /** What you have set. Secrets are shown as ********, and kept when sent back so, unless a setting changes by which they could be sent elsewhere. */
  config: Record<string, unknown>;
  /** Whose settings are in force: yours, or the operator's while you have none. */
  source: "tenant" | "operator" | "none";
  /** Whether they are complete. */
  enabled: boolean;
}

export interface Problem {
  /** Always about:blank; `code` tells problems apart. */
  type: string;
  /** The status in words. */
  title: string;
  /** The HTTP status. */
  status: number;
  /** What happened and what can be done about it. */
  detail: string;
  /** The path that was asked for. */
  instance: string;
  /** The problem, in stable snake case. */
  code: string;
  /** What is wrong with an invalid request. */
  errors?: Defect[];
  /** How many more defects it has, where they are more than are listed. */
  errors_omitted?: number;
  /** In which line of the file it is (`invalid_captions`), from 1. */
  line?: number;
  /** How many bytes may be sent, where they were more (413). */
  max_bytes?: number;
  /** How many bytes of an upload are there (`offset_mismatch`). */
  upload_offset?: number;
  /** The task's status, where that is the obstacle. */
  current_status?: string;
  /** Before which the task would not start, of one whose deadline comes sooner. */
  earliest_start?: string;
  /** The scope that the key lacks (403). */
  required_scope?: string;
  /** Retries already used, where none is left. */
  retry_count?: number;
  /** Retries granted, where none is left. */
  max_retries?: number;
  /** Seconds until another try makes sense, on 429, 503 and 507. */
  retry_after?: number;
  /** The quota that leaves no room (`quota_exceeded`). */
  quota?: string;
  /** What it is. */
  limit?: number;
  /** How much of it is used. */
  used?: number;
  /** On 503: the tasks that were accepted, and are not known to be kept as `DURABILITY` demands (`not_confirmed`), or may have been accepted before the store could not be reached (`unavailable`). Look there before you repeat a request without an Idempotency-Key. */
  task_ids?: string[];
}

export interface Progress {
  percent: number;
  stage: string;
}

export interface Quantiles {
  /** Half of them took no longer. */
  p50: number;
  /** Nine of ten took no longer. */
  p90: number;
}

export interface Queue {
  /** The task type. */
  type: "EmbeddingGeneration" | "PluginExecution" | "VideoTranscoding";
  /** Tasks that wait to be started. */
  depth: number;
  /** Tasks that are not due yet. */
  scheduled: number;
  /** Tasks that are being run. */
  processing: number;
  /** How long the task has waited that came first; held ones do not count. */
  oldest_age_seconds: number | null;
  /** Starts per second over all workers; null for no limit. */
  rate: number | null;
  /** How many starts an idle queue may make at once. */
  burst: number;
  /** Starts that the rate allows right now; null for no limit. */
  tokens: number | null;
  /** Tasks that may run at the same time; null for no limit. */
  concurrency: number | null;
  /** Whether nothing is started. */
  paused: boolean;
  /** Starts per second of each tenant; null for no cap. */
  tenant_rate: number | null;
  /** How many starts a tenant may make at once after a quiet time. */
  tenant_burst: number;
  /** Tasks of a tenant that may run at the same time; null for no cap. */
  tenant_concurrency: number | null;
  /** Tasks of a group that may run at the same time; null for no cap. */
  group_concurrency: number | null;
  /** A waiting task rises a level for each such span; null for never. */
  aging_seconds: number | null;
  /** Live workers that listen to this type. */
  workers: number;
  /** Tasks ended per second over the last minute. */
  throughput: number;
}

export interface QueueChange {
  /** Starts per second, with at most three decimals; null for no limit. */
  rate?: number | null;
  /** Starts at once after a quiet time. */
  burst?: number;
  /** Tasks running at the same time; null for no limit. */
  concurrency?: number | null;
  /** Starts per second of each tenant, with at most three decimals; null for no cap. */
  tenant_rate?: number | null;
  /** Starts of a tenant after a quiet time. */
  tenant_burst?: number;
  /** Tasks of a tenant running at the same time; null for no cap. */
  tenant_concurrency?: number | null;
  /** Tasks of a group running at the same time; null for no cap. */
  group_concurrency?: number | null;
  /** Seconds after which a waiting task rises a level, again and again; null for never. */
  aging_seconds?: number | null;
  /** Whether to start nothing until it is unset. */
  paused?: boolean;
}

export interface QueueHistory {
  /** Seconds of each row. */
  step_seconds: number;
  types: TypeHistory[];
}

export interface QueueList {
  queues: Queue[];
  /** Live daemons; without one, nothing scheduled becomes due. */
  daemons: number;
  /** By type: how right its forecasts were; null while none was scored. */
  forecasts: Record<string, Accuracy | null>;
  /** Who is missing, so that tasks do not go on. */
  warnings: string[];
}

export interface QuotaStanding {
  /** Which. */
  name: "requests_per_minute" | "uploads_per_day" | "stored_bytes" | "waiting_tasks" | "cpu_seconds_per_day" | "cpu_seconds_per_month" | "media_seconds_per_day" | "media_seconds_per_month";
  /** What it is. */
  limit: number;
  /** How much of it is used now. */
  used: number;
}

export interface Quote {
  /** The task type. */
  type: string;
  /** The priority that it would have; 0 in the background. */
  priority: number;
  /** Whether it would wait in the background. */
  background: boolean;
  /** When it would start and end, if things stay as they are. */
  estimate: Estimate | null;
  /** Why there is no estimate, where there is none. */
  no_estimate: string | null;
  work_seconds: Work;
  /** How long the recording lasts that it is about, where that is known. */
  media_seconds: number | null;
  /** Its place, from 1, in what waits of your tenant, and of its group, at its priority. */
  position: number;
}

export interface Readiness {
  /** Always ok. */
  status: "ok";
  /** Who is missing, so that tasks are accepted and do not go on. */
  warnings: string[];
}

export interface Rendition {
  /** Such as 720p: the short side in pixels. */
  name: string;
  /** Pixels. */
  width: number;
  /** Pixels. */
  height: number;
  /** Peak bits per second, audio included. */
  bandwidth: number;
  /** RFC 6381 codec names. */
  codecs: string;
  /** Its playlist, relative to hls_url. */
  playlist: string;
  /** What made its pictures: libx264, say, or copy where they are the video's own; null if not known. */
  encoder: string | null;
  /** It as one MP4, with the first sound; opens without a key, for 24 hours. */
  download_url: string;
}

export interface Reprocess {
  /** Further members of the payload of VideoTranscoding, beside `video_id`. */
  options?: Record<string, unknown>;
  /** Whether it waits until nothing else does; else it has priority 0. */
  background?: boolean;
}

export interface ReprocessMany {
  /** Further members of the payload of VideoTranscoding, beside `video_id`. */
  options?: Record<string, unknown>;
  /** Whether it waits until nothing else does; else it has priority 0. */
  background?: boolean;
  /** Which videos: those that match all of it; an empty object is all. */
  filter: VideoSelection;
  /** Only count them. */
  dry_run?: boolean;
}

export interface Reprocessed {
  /** Whether they were only counted. */
  dry_run: boolean;
  /** Videos that match, of up to 500 that were looked at. */
  matched: number;
  /** Those of which a task was made, or with `dry_run` would be. */
  queued: number;
  /** Those of which none was. */
  skipped: number;
  /** Why, and how many: `source_removed`, `not_transcoded`, `in_progress` (a task is there already). */
  reasons: Record<string, number>;
  /** The tasks. */
  task_ids: string[];
  /** The `uploaded_from` with which the rest is asked for; null when there is none. */
  next: string | null;
}

export interface ResumableUpload {
  /** The upload's id, and that of the media file which it becomes. */
  id: string;
  /** What it is to be. */
  kind: "audio" | "document" | "image" | "video";
  /** The name it was announced with. */
  filename: string;
  /** Bytes of the whole file; null until that is told. */
  size: number | null;
  /** Bytes that are there. */
  offset: number;
  /** Whether the media file is there. */
  complete: boolean;
  /** When it was begun. */
  created_at: string;
  /** When it is given up, or, complete, forgotten; later with each piece. */
  expires_at: string;
  /** Where the media file is shown, once it is there. */
  media_url: string | null;
}

export interface ResumableUploadPage {
  uploads: ResumableUpload[];
  /** How many match in all, at the same moment. */
  total: number;
  limit: number;
  offset: number;
}

export interface RotateKey {
  /** For so long the former secret is valid too. */
  overlap_seconds?: number;
}

export interface RotateSecret {
  /** For so long the former secret signs as well. */
  overlap_seconds?: number;
}

export interface RotatedKey {
  /** The key's id, which stays. */
  id: string;
  /** The key itself; it is shown this once. */
  key: string;
  /** Until then the former secret is valid too. */
  former_until: string;
}

export interface RotatedSecret {
  /** Verifies signatures; it is shown this once. */
  secret: string;
  /** Until then the former secret signs as well. */
  former_until: string;
}

export interface SearchResults {
  /** The words that were looked for. */
  query: string | null;
  /** The file that was looked for. */
  like: string | null;
  results: Hit[];
  /** How many results these are. */
  count: number;
  /** How many files match in all, duplicates included; up to 10,000 where `min_similarity` or filters are to be looked at. */
  total: number;
  /** Whether there are no more than `total`. */
  total_exact: boolean;
  /** Where this goes on, as `cursor`; null at the end. */
  next_cursor: string | null;
  /** The generation of embeddings that was searched first; see `/status`. */
  generation: string | null;
  /** Whether all files that are embedded were searched. */
  complete: boolean;
  /** How many were not, as a model that no search process has here is all that has embedded them yet. */
  missing: number;
}

export interface SearchStatus {
  /** The generation that answers; null where nothing is embedded yet. */
  active: string | null;
  /** The one that is made; null when there is no change. */
  next: string | null;
  /** When the latest change began. */
  since: string | null;
  /** When the active one took over. */
  switched_at: string | null;
  /** Files that are embedded by any generation: the sum of the next three. */
  total: number;
  /** Files that the newest generation has. */
  done: number;
  /** Files that it lacks and will get. */
  missing: number;
  /** Files that it cannot have. They hold up nothing, and are found by what they had before. */
  failed: number;
  /** Tasks, in the background, that were queued for missing files and have not ended. */
  tasks: number;
  /** False while files are still looked through: more may be missing then. */
  counted: boolean;
  /** Seconds until nothing is missing, as fast as it has been since the beginning. */
  estimate: number | null;
  /** Some that failed, 20 at most. */
  failures: NotEmbedded[];
  /** All that there are. */
  generations: Generation[];
}

export interface Sent {
  /** The webhook-id; find it in the deliveries. */
  event_id: string;
}

export interface ShownCaps {
  rate: "type" | number | null;
  burst: "type" | number;
  concurrency: "type" | number | null;
}

export interface Simulation {
  /** By type: what PATCH /api/queues/{type} takes. */
  limits?: Record<string, QueueChange>;
  workers?: WorkerCount[];
  /** By tenant: its share beside others'. */
  weights?: Record<string, number>;
  /** Play what came from then on again, instead of what waits now. */
  since?: string;
  /** Until then; needs since, and is now without. */
  until?: string;
}

export interface SimulationResult {
  /** live: what waits now; recorded: what came then. */
  basis: "live" | "recorded";
  /** As things are set. */
  before: TypeOutlook[];
  /** With the changes. */
  after: TypeOutlook[];
}

export interface Sound {
  /** What viewers see: its title in the file, else its language. */
  name: string;
  /** A BCP 47 tag, und where the file has none. */
  language: string;
  /** Its playlist, relative to hls_url. */
  playlist: string;
}

export interface Span {
  /** One of ten is earlier. */
  p10: string;
  /** As likely earlier as later. */
  p50: string;
  /** One of ten is later. */
  p90: string;
}

export interface TaskDetail<R = unknown> {
  /** The task's id. */
  id: string;
  /** What it does. */
  type: "EmbeddingGeneration" | "PluginExecution" | "VideoTranscoding";
  /** Where it is in its life. */
  status: "pending" | "scheduled" | "processing" | "completed" | "failed" | "cancelled";
  /** 0 to 10; higher runs first. 0 in the background. */
  priority: number;
  /** Whether it waits until nothing else does, below every priority. */
  background: boolean;
  /** What it does it with. */
  payload: Record<string, unknown>;
  /** When it was submitted. */
  created_at: string;
  /** When it is or was due, if it was put off. */
  scheduled_at: string | null;
  /** When it is or was to be cancelled if no run of it had begun. */
  deadline: string | null;
  /** When its latest run began. */
  started_at: string | null;
  /** When it ended, well or badly. */
  completed_at: string | null;
  /** What went wrong last. */
  error: string | null;
  /** Retries used. */
  retry_count: number;
  /** Retries granted. */
  max_retries: number;
  /** How long a run may take. */
  timeout_seconds: number;
  /** How far the present run is; of one that starts again, how far the run before was. */
  progress: Progress | null;
  /** What a completed task made. */
  result: R | null;
  /** The flow that it belongs to. */
  flow: string | null;
  /** The group that it was submitted for. */
  group: string | null;
  /** Words to know it by. */
  tags: string[];
  /** The task that it helps with a long video (`VIDEO_PARALLEL`), by which it was made: it has its payload, no result and no webhooks. Null of a task that was submitted. */
  part_of: string | null;
  /** Ids of the tasks that had to end before. */
  depends_on: string[];
  /** What becomes of it when one of them does not complete; null when it depends on none. */
  on_failure: "cancel" | "run" | null;
  /** Those of them that have not ended yet. */
  waiting_for: string[];
  /** Why it waits; null of a task that does not, and in the answer to its submission and in events. */
  waiting: Waiting | null;
  /** For what it waited before its latest run; null where `waiting` is, and of a task that waits. */
  waited: Bill | null;
  /** Where what it made can be opened, if that is elsewhere. */
  links: TaskLinks | null;
  /** What the request that submitted it said of itself (headers X-Request-Id, traceparent, tracestate); null if that was nothing. Requests that its handler makes and its webhooks carry the same. */
  trace: Trace | null;
  /** The last ended runs, oldest first. */
  attempts: Attempt[];
  /** What its runs have used together; null before one has ended, and below 10 ms. */
  usage: TaskUsage | null;
}

export interface TaskInList<R = unknown> {
  /** The task's id. */
  id: string;
  /** What it does. */
  type: "EmbeddingGeneration" | "PluginExecution" | "VideoTranscoding";
  /** Where it is in its life. */
  status: "pending" | "scheduled" | "processing" | "completed" | "failed" | "cancelled";
  /** 0 to 10; higher runs first. 0 in the background. */
  priority: number;
  /** Whether it waits until nothing else does, below every priority. */
  background: boolean;
  /** What it does it with. */
  payload: Record<string, unknown>;
  /** When it was submitted. */
  created_at: string;
  /** When it is or was due, if it was put off. */
  scheduled_at: string | null;
  /** When it is or was to be cancelled if no run of it had begun. */
  deadline: string | null;
  /** When its latest run began. */
  started_at: string | null;
  /** When it ended, well or badly. */
  completed_at: string | null;
  /** What went wrong last. */
  error: string | null;
  /** Retries used. */
  retry_count: number;
  /** Retries granted. */
  max_retries: number;
  /** How long a run may take. */
  timeout_seconds: number;
  /** How far the present run is; of one that starts again, how far the run before was. */
  progress: Progress | null;
  /** What a completed task made. */
  result: R | null;
  /** The flow that it belongs to. */
  flow: string | null;
  /** The group that it was submitted for. */
  group: string | null;
  /** Words to know it by. */
  tags: string[];
  /** The task that it helps with a long video (`VIDEO_PARALLEL`), by which it was made: it has its payload, no result and no webhooks. Null of a task that was submitted. */
  part_of: string | null;
  /** Ids of the tasks that had to end before. */
  depends_on: string[];
  /** What becomes of it when one of them does not complete; null when it depends on none. */
  on_failure: "cancel" | "run" | null;
  /** Those of them that have not ended yet. */
  waiting_for: string[];
  /** Why it waits; null of a task that does not, and in the answer to its submission and in events. */
  waiting: Waiting | null;
  /** For what it waited before its latest run; null where `waiting` is, and of a task that waits. */
  waited: Bill | null;
  /** Where what it made can be opened, if that is elsewhere. */
  links: TaskLinks | null;
  /** What the request that submitted it said of itself (headers X-Request-Id, traceparent, tracestate); null if that was nothing. Requests that its handler makes and its webhooks carry the same. */
  trace: Trace | null;
}

export interface TaskLinks {
  /** Of a transcoding: the HLS playlist; opens without a key. */
  hls_url?: string;
  /** Of a transcoding: a still picture, under the same rules. */
  poster_url?: string;
  /** Of a transcoding: a WebVTT of small pictures by time, under the same rules. */
  storyboard_url?: string;
  /** Of a plugin: what it has made, under the same rules. */
  files?: LinkedFile[];
  /** In webhooks, instead of links that expire: the address of the video or image in this API, which shows fresh ones to whoever has a key. */
  media_url?: string;
}

export interface TaskList {
  tasks: TaskDetail[];
}

export interface TaskPage {
  tasks: TaskInList[];
  /** How many match in all, at the same moment; null where each would have to be looked at for that. */
  total: number | null;
  limit: number;
  offset: number;
  /** Where the next page begins, null when there is none; only where `cursor`, `order` or a filter that no index knows was asked for. A page may be short, or empty, and yet not the last. */
  next_cursor?: string | null;
  /** Whether looking for matches was ended for the time that it takes: go on with next_cursor. */
  incomplete?: boolean;
}

export interface TaskSelection {
  /** Only tasks in one of these statuses. */
  status?: "pending" | "scheduled" | "processing" | "completed" | "failed" | "cancelled" | ("pending" | "scheduled" | "processing" | "completed" | "failed" | "cancelled")[];
  /** Only tasks of one of these types. */
  type?: "EmbeddingGeneration" | "PluginExecution" | "VideoTranscoding" | ("EmbeddingGeneration" | "PluginExecution" | "VideoTranscoding")[];
  /** Only these. */
  ids?: string | string[];
  /** Only tasks of this flow. Either this or type. */
  flow?: string;
  /** Only tasks with this tag. */
  tag?: string;
  /** Only tasks of this group. */
  group?: string;
  /** Only tasks whose payload names this file. */
  media_id?: string;
  /** Only tasks whose error has this in it, in small or capital letters. */
  error?: string;
  /** Only tasks with this unique_key. */
  unique_key?: string;
  /** Only failed tasks of this group of failures. */
  failure_id?: string;
  /** Only tasks created at this moment or later; a date alone is its first. ISO 8601, in UTC unless it has an offset. */
  start_date?: string;
  /** Only tasks created at this moment or earlier; a date alone is its last. ISO 8601, in UTC unless it has an offset. */
  end_date?: string;
  /** `reprocess`: not videos that were uploaded before. */
  uploaded_from?: string;
  /** `reprocess`: not videos that were uploaded after it. */
  uploaded_to?: string;
}

export interface TaskStats {
  /** All tasks. */
  total: number;
  /** Tasks per status. */
  by_status: Record<string, number>;
  /** Tasks per type. */
  by_type: Record<string, number>;
  /** Over completed tasks; null when there is none. */
  average_duration_seconds: number | null;
  /** Completed tasks by all but cancelled ones that helped another (`part_of`); 0 when there is none. */
  success_rate: number;
}

export interface TaskUsage {
  /** Processor time of the handler and its programs. */
  cpu_seconds: number;
  /** Time from start to end. */
  run_seconds: number;
  /** Of the recordings that they were about. */
  media_seconds: number;
  /** Read from the media storage. */
  bytes_read: number;
  /** Written to it. */
  bytes_written: number;
  /** The most memory that one of them took, with its largest program. */
  peak_memory_bytes: number;
}

export interface TenantCaps {
  /** Starts per second, with at most three decimals, null for no cap, or the word "type" for what holds for every tenant of the type. */
  rate?: "type" | number | null;
  /** Starts at once after a quiet time, or the word "type" for what holds for every tenant of the type. */
  burst?: "type" | number;
  /** Tasks running at the same time, null for no cap, or the word "type" for what holds for every tenant of the type. */
  concurrency?: "type" | number | null;
}

export interface TenantChange {
  /** Its share of each queue, beside those of others that have tasks waiting there. */
  weight?: number;
  /** By task type, where its caps differ from those of the type. */
  caps?: Record<string, TenantCaps>;
  /** Where they differ from those of every tenant. Refused is what would exceed one. */
  quotas?: TenantQuotas;
}

export interface TenantQuotas {
  /** Requests in a minute, which begins with its first. Null for no quota. */
  requests_per_minute?: number | null;
  /** Uploaded files in a day (UTC). Null for no quota. */
  uploads_per_day?: number | null;
  /** Bytes of uploaded files that are kept, not of what is made of them. Null for no quota. */
  stored_bytes?: number | null;
  /** Tasks that wait, of all types together, due or not. Null for no quota. */
  waiting_tasks?: number | null;
  /** Processor seconds of runs in a day (UTC). Null for no quota. */
  cpu_seconds_per_day?: number | null;
  /** The same in a calendar month (UTC). Null for no quota. */
  cpu_seconds_per_month?: number | null;
  /** Seconds of recordings that runs were about, in a day. Null for no quota. */
  media_seconds_per_day?: number | null;
  /** The same in a calendar month. Null for no quota. */
  media_seconds_per_month?: number | null;
}

export interface TenantSettings {
  /** The tenant. */
  name: string;
  /** Its share of each queue; 1 for a tenant for which nothing was set. */
  weight: number;
  /** Its own caps by task type; types where it has none of its own are left out. */
  caps: Record<string, ShownCaps>;
  /** Its own quotas by name, null for none; those that hold for every tenant are left out. */
  quotas: Record<string, number | null>;
}

export interface Trace {
  /** Its X-Request-Id. */
  request_id: string | null;
  /** Its W3C trace context, with the span of the submission. */
  traceparent: string | null;
  /** What systems on the way have added to that. */
  tracestate: string | null;
}

export interface TypeHistory {
  /** The task type. */
  type: string;
  /** The oldest first; without those in which nothing happened. */
  rows: HistoryRow[];
}

export interface TypeOutlook {
  /** The task type. */
  type: string;
  total: Outlook;
  /** Where several wait: those with the most. */
  tenants: Record<string, Outlook>;
}

export interface UsageAnswer {
  /** The first day. */
  from: string;
  /** The last day. */
  to: string;
  /** Whose; null for everybody's together. */
  tenant: string | null;
  /** Sums, as they were to be told apart. */
  rows: UsageRow[];
  /** All of it. */
  total: Used;
  /** Files that were uploaded. */
  uploads: number;
  /** Their bytes. */
  uploaded_bytes: number;
  /** Bytes of uploads that the tenant has stored now; null for everybody's. */
  stored_bytes: number | null;
  /** The tenant's quotas now; none for everybody's. */
  quotas: QuotaStanding[];
}

export interface UsageRow {
  /** Runs, of all outcomes. */
  runs: number;
  /** Processor time of the handler and its programs. */
  cpu_seconds: number;
  /** Time from start to end. */
  run_seconds: number;
  /** Of the recordings that they were about. */
  media_seconds: number;
  /** Read from the media storage. */
  bytes_read: number;
  /** Written to it. */
  bytes_written: number;
  /** The most memory that one of them took, with its largest program. */
  peak_memory_bytes: number;
  /** Whose; null when not asked for. */
  tenant: string | null;
  /** In UTC; null when not asked for. */
  day: string | null;
  /** Of what type; null when not asked for. */
  type: string | null;
}

export interface Used {
  /** Runs, of all outcomes. */
  runs: number;
  /** Processor time of the handler and its programs. */
  cpu_seconds: number;
  /** Time from start to end. */
  run_seconds: number;
  /** Of the recordings that they were about. */
  media_seconds: number;
  /** Read from the media storage. */
  bytes_read: number;
  /** Written to it. */
  bytes_written: number;
  /** The most memory that one of them took, with its largest program. */
  peak_memory_bytes: number;
}

export interface Variant {
  /** Like 720p: the short side in pixels. */
  name: string;
  width: number;
  height: number;
  /** Peak bits per second, audio included. */
  bandwidth: number;
  /** RFC 6381 codec names. */
  codecs: string;
  /** Its playlist, relative to the master playlist. */
  playlist: string;
  /** What it was made with: libx264, say, or copy where it is the video's own pictures. */
  encoder: string;
}

export interface Video {
  /** The file's id. */
  id: string;
  /** The name it was sent with. */
  filename: string;
  /** What its bytes say it is; null until it is fetched from its URL. */
  content_type: string | null;
  /** Bytes; null until then. */
  size: number | null;
  /** When it was uploaded. */
  created_at: string;
  /** When it is deleted by itself. */
  expires_at: string | null;
  /** The task that the upload made. */
  task_id: string | null;
  /** The flow of that task and of what follows it by `then`; null where nothing does. */
  flow: string | null;
  /** That task's status; completed, too, once another task has made what it did not. */
  status: "pending" | "scheduled" | "processing" | "completed" | "failed" | "cancelled";
  /** How far that task is. */
  progress: Progress | null;
  /** What went wrong with it last. */
  error: string | null;
  /** The uploaded file itself; opens without a key, for 24 hours. */
  source_url: string;
  /** The tags it was uploaded with. */
  tags: string[];
  /** Whether and how it can be searched for. */
  index: Index;
  /** What plugins made of it, by their names. */
  plugins: Record<string, PluginNote>;
  /** Whether the uploaded file stays when it is transcoded. */
  keep_source: boolean;
  /** Since when the uploaded file is not there any more. */
  source_removed_at: string | null;
  /** Pixels, once known. */
  width: number | null;
  /** Pixels, once known. */
  height: number | null;
  /** Its length, once known. */
  duration_seconds: number | null;
  /** The profile it was encoded by, once that is done. */
  profile: string | null;
  /** What its pictures were encoded with, such as libx264 or hevc_nvenc. */
  encoder: string | null;
  /** The renditions that can be played. */
  variants: Rendition[];
  /** All sound; players begin with the first. */
  audio_tracks: Sound[];
  /** How loud the first of it is, once measured. */
  loudness: MeasuredLoudness | null;
  /** Whether hls_url can be played: that begins when the first seconds of the smallest rendition are there, while the status is still processing. */
  playable: boolean;
  /** How much of it can be played now: all of it once the status is completed. */
  playable_seconds: number | null;
  /** The HLS playlist; opens without a key, for 24 hours, once the video is playable. */
  hls_url: string;
  /** A still picture, once the status is completed; opens likewise. */
  poster_url: string | null;
  /** A WebVTT of small pictures by time, for a player's bar (`#xywh=`), under the same rules. */
  storyboard_url: string | null;
  /** A picture of any moment: add `?time=` in seconds and `width=`. Under the same rules. */
  thumbnail_url: string | null;
  /** Its captions, which are in the HLS playlist too. */
  captions: Caption[];
}

export interface VideoByUrl {
  /** How it is encoded: default, small, high, hevc, av1, or one of the operator's (`VIDEO_PROFILES`). Unless given, what the operator has chosen for all (`VIDEO_PROFILE`). What is asked for beside it (`codec`, `ladder`, `quality`, `normalize_audio`) takes the place of what it says. */
  profile?: string;
  /** What pictures are encoded with. Every player plays h264; hevc and av1 need about half of its bit rate, and up to twice the work. */
  codec?: "h264" | "hevc" | "av1";
  /** Short sides of the renditions in pixels, even, 144 to 2160. None is made larger than the video; of one that is below them all there is one rendition, of its own size. */
  ladder?: number[];
  /** How close to the source, which decides the bit rate, whatever the codec. */
  quality?: "low" | "standard" | "high";
  /** Whether all sound is brought to the operator's loudness (`VIDEO_LOUDNESS`, EBU R 128). The video then begins to play when its sound has been read once. */
  normalize_audio?: boolean;
  /** Whether the largest rendition is to be the video's own pictures, not encoded again, where these fit: H.264 that every player takes, evenly, with enough key frames, no larger than the ladder's top. If not, a warning says why. */
  passthrough?: boolean;
  /** Where it is: http or https, on the public internet, without a user name or password. A few redirects are followed. It is not shown again. */
  url: string;
  /** What it is called; else the end of the URL's path. */
  filename?: string;
  /** As in the form. */
  expires_at?: string;
  /** As in the form. */
  deadline?: string;
  /** As in the form. */
  group?: string;
  /** As in the form. */
  tags?: string[];
  /** As in the form. */
  embed?: boolean;
  /** As in the form. */
  then?: string[];
  /** As in the form. */
  keep_source?: boolean;
}

export interface VideoPage {
  videos: Video[];
  /** How many match in all, at the same moment. */
  total: number;
  limit: number;
  offset: number;
}

export interface VideoProfile {
  /** What uploads call it. */
  name: string;
  /** Whether it is that of videos that name none. */
  default: boolean;
  /** What pictures are encoded with. */
  codec: "h264" | "hevc" | "av1";
  /** Short sides of the renditions in pixels; those above the video's are left out. */
  ladder: number[];
  /** How close to the source. */
  quality: "low" | "standard" | "high";
  /** Whether all sound is brought to one loudness. */
  normalize_audio: boolean;
}

export interface VideoProfileList {
  /** That of videos that name none first, then by name. */
  profiles: VideoProfile[];
}

export interface VideoSelection {
  /** Only these; `next` is null then. */
  ids?: string | string[];
  /** Not those that were uploaded before. */
  uploaded_from?: string;
  /** Not those that were uploaded after it. */
  uploaded_to?: string;
}

export interface VideoTranscodingPayload {
  /** How it is encoded: default, small, high, hevc, av1, or one of the operator's (`VIDEO_PROFILES`). Unless given, what the operator has chosen for all (`VIDEO_PROFILE`). What is asked for beside it (`codec`, `ladder`, `quality`, `normalize_audio`) takes the place of what it says. */
  profile?: string;
  /** What pictures are encoded with. Every player plays h264; hevc and av1 need about half of its bit rate, and up to twice the work. */
  codec?: "h264" | "hevc" | "av1";
  /** Short sides of the renditions in pixels, even, 144 to 2160. None is made larger than the video; of one that is below them all there is one rendition, of its own size. */
  ladder?: number[];
  /** How close to the source, which decides the bit rate, whatever the codec. */
  quality?: "low" | "standard" | "high";
  /** Whether all sound is brought to the operator's loudness (`VIDEO_LOUDNESS`, EBU R 128). The video then begins to play when its sound has been read once. */
  normalize_audio?: boolean;
  /** Whether the largest rendition is to be the video's own pictures, not encoded again, where these fit: H.264 that every player takes, evenly, with enough key frames, no larger than the ladder's top. If not, a warning says why. */
  passthrough?: boolean;
  /** The video's id, as its upload answered it. */
  video_id: string;
}

export interface VideoTranscodingResult {
  video_id: string;
  width: number;
  height: number;
  duration_seconds: number;
  /** Frames per second of every rendition. */
  frame_rate: number;
  /** The profile that it was encoded by. */
  profile: string;
  /** What its pictures were encoded with, such as libx264 or hevc_nvenc. */
  encoder: string;
  variants: Variant[];
  audio_tracks: AudioTrack[];
  loudness: Loudness | null;
  hls_master: string;
  poster: string;
  /** A WebVTT that tells which part of which picture stands for which time. */
  storyboard: string;
  /** One line for everything of the upload that was left out, cut or could not be read. */
  warnings: string[];
}

export interface VideoUpload {
  /** The file, with its name. Its bytes tell what it is. */
  file: string;
  /** When it is deleted by itself, with all that was made of it; in the future. The operator may keep files for a shorter time. */
  expires_at?: string;
  /** As the `deadline` of a task, for the upload's own, in the future: what follows it by `then` is cancelled with it. */
  deadline?: string;
  /** As the `group` of a task, for all tasks of the upload: your end user, say. */
  group?: string;
  /** As the `tags` of a task, for all tasks of the upload: a JSON list. */
  tags?: string;
  /** `false` leaves it out of search, `true` makes it searchable, beside whatever else is made of it. Unless given, as the operator has set it for this kind of media (`EMBED_UPLOADS`): `true`, usually. */
  embed?: boolean;
  /** What is to follow the upload's own task once that has completed: a JSON list of plugins by their names, and of the word embedding, by which a video becomes searchable when it is transcoded and not at once: `["checksum", "embedding"]`. All of these tasks, that of the upload among them, are one flow, of whose end webhooks are told once. */
  then?: string;
  /** How it is encoded: default, small, high, hevc, av1, or one of the operator's (`VIDEO_PROFILES`). Unless given, what the operator has chosen for all (`VIDEO_PROFILE`). What is asked for beside it (`codec`, `ladder`, `quality`, `normalize_audio`) takes the place of what it says. */
  profile?: string;
  /** What pictures are encoded with. Every player plays h264; hevc and av1 need about half of its bit rate, and up to twice the work. */
  codec?: "h264" | "hevc" | "av1";
  /** How close to the source, which decides the bit rate, whatever the codec. */
  quality?: "low" | "standard" | "high";
  /** Short sides of the renditions in pixels, even, 144 to 2160. None is made larger than the video; of one that is below them all there is one rendition, of its own size. A JSON list. */
  ladder?: string;
  /** Whether all sound is brought to the operator's loudness (`VIDEO_LOUDNESS`, EBU R 128). The video then begins to play when its sound has been read once. */
  normalize_audio?: boolean;
  /** Whether the largest rendition is to be the video's own pictures, not encoded again, where these fit: H.264 that every player takes, evenly, with enough key frames, no larger than the ladder's top. If not, a warning says why. */
  passthrough?: boolean;
  /** `false` removes the uploaded file, and nothing else, when it is transcoded and no task that names it waits or runs: then it plays, and nothing more can be made of it. `true` unless given. */
  keep_source?: boolean;
}

export interface Waited {
  /** Half wait no longer. */
  p50: number;
  /** Nine of ten wait no longer. */
  p90: number;
}

export interface Waiting {
  /** The first of these that keeps it. */
  reason: "scheduled" | "depends_on" | "held" | "paused" | "no_worker" | "tenant_limit" | "group_limit" | "concurrency" | "rate_limit" | "share" | "workers_busy";
  /** The reason in words and numbers. */
  detail: string;
  /** When that may be over, where it is known. */
  until: string | null;
  /** Its place, from 1, in what its tenant has waiting of its type. */
  position: number | null;
  /** Starts of the type that are expected before it. */
  ahead: number | null;
  /** When it starts and ends, if things stay as they are. */
  estimate: Estimate | null;
  /** Why there is no estimate, where there is none. */
  no_estimate: string | null;
  /** What would let it start sooner, the best first; only where a single task is shown. */
  would_help: Help[];
}

export interface Webhook {
  /** Its id. */
  id: string;
  /** Where events are sent. */
  url: string;
  /** Which events are sent. */
  events: ("task.processing" | "task.completed" | "task.failed" | "task.cancelled" | "video.playable" | "flow.completed" | "flow.failed")[];
  /** Its owner's words. */
  description: string;
  /** Whether events are sent. */
  enabled: boolean;
  /** Why it was disabled, if its owner has not done it. */
  disabled_reason: string | null;
  /** The first of the failures since which nothing has succeeded. */
  failing_since: string | null;
  /** When it was made. */
  created_at: string;
}

export interface WebhookEvent {
  /** What happened. */
  type: "task.processing" | "task.completed" | "task.failed" | "task.cancelled" | "video.playable";
  /** When it happened. */
  timestamp: string;
  /** The task as it was in that moment. */
  data: TaskDetail;
}

export interface WebhookList {
  webhooks: Webhook[];
}

export interface Work {
  /** One of ten is shorter. */
  p10: number;
  /** Half are shorter. */
  p50: number;
  /** Nine of ten are shorter. */
  p90: number;
}

export interface Worker {
  /** Its name, unique. */
  name: string;
  /** The machine it runs on. */
  hostname: string;
  /** Its process number there. */
  pid: number;
  /** busy or idle. */
  state: "busy" | "idle";
  /** Whether it ends what it runs and takes nothing more. */
  draining: boolean;
  /** Task types that it listens to. */
  types: string[];
  /** The task that it runs. */
  task_id: string | null;
  /** That task's type. */
  task_type: string | null;
  /** When it began that run. */
  running_since: string | null;
  /** When it was born. */
  started_at: string;
  /** When it was last known to live. */
  last_heartbeat: string;
  /** Runs that ended well, as of its last report. */
  completed: number;
  /** Runs that did not, as of its last report. */
  failed: number;
}

export interface WorkerCount {
  /** The types that they listen to, all of them. */
  types: ("EmbeddingGeneration" | "PluginExecution" | "VideoTranscoding")[];
  /** Worker processes. */
  processes: number;
}

export interface WorkerList {
  workers: Worker[];
}

export interface WorkersWanted {
  /** The types that they listen to. */
  types: string[];
  /** Worker processes that are there and take tasks. */
  processes: number;
  /** Worker processes that are wanted. */
  wanted: number;
  /** steady: to keep pace; backlog: for what waits; tokens: more would start no more, the rate holds back; concurrency: as many as may run; hold: as many as were wanted in the last five minutes; paused; idle. */
  reason: "idle" | "paused" | "steady" | "backlog" | "tokens" | "concurrency" | "hold";
}

/** What a task may be given beside type and payload; the API's document says what each means. */
export type Options = Omit<CreateTask, "type" | "payload">;

/** What each task type takes and makes. Declare your own by merging into this interface. */
export interface TaskTypes {
  EmbeddingGeneration: { payload: EmbeddingPayload; result: EmbeddingResult };
  PluginExecution: { payload: PluginPayload; result: PluginResult };
  VideoTranscoding: { payload: VideoTranscodingPayload; result: VideoTranscodingResult };
}
