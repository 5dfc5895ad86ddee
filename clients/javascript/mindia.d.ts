import type { Audio, Caption, ChangeTask, Defect, Document as TextDocument, Flow, Image, LogLine, Problem as Document, Quote, SearchResults, TaskDetail, TaskInList, TaskStats, TaskTypes, Video } from "./types.js";

export * from "./types.js";

export class MindiaError extends Error {}
export class NoAnswer extends MindiaError {}
export class WaitTimeout extends MindiaError {}
export class TaskFailed extends MindiaError {
  task: TaskDetail;
}
export class Problem extends MindiaError {
  document: Document;
  status: number;
  /** As the API's document has it: `not_found`, `invalid_content`, `queue_full`, … */
  code: string;
  errors: Defect[];
  /** Seconds. */
  retryAfter?: number;
}

/** What a task may be given beside type and payload; the API's document says what each means. */
export interface Options {
  priority?: number;
  background?: boolean;
  scheduled_at?: string;
  delay_seconds?: number;
  deadline?: string;
  max_retries?: number;
  timeout_seconds?: number;
  group?: string;
  tags?: string[];
  unique_key?: string;
  depends_on?: string[];
  on_failure?: "cancel" | "run";
  flow?: string;
}
export interface Ended {
  signal?: AbortSignal;
}
export interface Creation extends Ended {
  idempotencyKey?: string;
}
export type NewTask = { [T in keyof TaskTypes]: { type: T; payload: TaskTypes[T]["payload"] } & Options }[keyof TaskTypes];
export interface Event {
  name: string;
  data: Record<string, unknown>;
  id: string;
}
export interface Upload extends Creation {
  embed?: boolean;
  name?: string;
  group?: string;
  tags?: string[];
  deadline?: string;
  then?: string[];
  expires_at?: string;
}
/** Beside what every upload may have: whether the file stays, and how the video is encoded. */
export interface OfVideo {
  keep_source?: boolean;
  profile?: string;
  ladder?: number[];
  codec?: "h264" | "hevc" | "av1";
  quality?: "low" | "standard" | "high";
  normalize_audio?: boolean;
  passthrough?: boolean;
}
type Result<T extends keyof TaskTypes> = TaskTypes[T]["result"];

export class Client {
  constructor(options?: { url?: string; key?: string; patience?: number; fetch?: typeof fetch });
  submit<T extends keyof TaskTypes>(type: T, payload: TaskTypes[T]["payload"], options?: Options & Creation): Promise<TaskDetail<Result<T>>>;
  submitMany(tasks: NewTask[], options?: Creation): Promise<TaskDetail[]>;
  get(id: string, options?: Ended): Promise<TaskDetail>;
  tasks(filters?: Record<string, string | number>, options?: Ended): AsyncGenerator<TaskInList>;
  stats(options?: Ended): Promise<TaskStats>;
  wait<R>(task: TaskDetail<R>, options?: Ended & { timeout?: number }): Promise<TaskDetail<R>>;
  wait(id: string, options?: Ended & { timeout?: number }): Promise<TaskDetail>;
  result<R>(task: TaskDetail<R>, options?: Ended & { timeout?: number }): Promise<R>;
  result(id: string, options?: Ended & { timeout?: number }): Promise<unknown>;
  watch(id?: string, options?: Ended & { lastId?: string }): AsyncGenerator<Event>;
  logs(id: string, options?: Ended & { attempt?: number; after?: string }): AsyncGenerator<LogLine>;
  change(id: string, changes: ChangeTask, options?: Ended): Promise<TaskDetail>;
  cancel(id: string, options?: Ended & { force?: boolean }): Promise<string>;
  retry(id: string, options?: Ended & { force?: boolean }): Promise<string>;
  delete(id: string, options?: Ended): Promise<void>;
  quote<T extends keyof TaskTypes>(type: T, payload: TaskTypes[T]["payload"], options?: Options & Ended): Promise<Quote>;
  flow(id: string, options?: Ended): Promise<Flow>;
  uploadVideo(file: Blob, options?: Upload & OfVideo): Promise<Video>;
  uploadImage(file: Blob, options?: Upload): Promise<Image>;
  uploadVideoFrom(url: string, options?: Upload & OfVideo & { filename?: string }): Promise<Video>;
  uploadImageFrom(url: string, options?: Upload & { filename?: string }): Promise<Image>;
  uploadAudio(file: Blob, options?: Upload): Promise<Audio>;
  uploadDocument(file: Blob, options?: Upload): Promise<TextDocument>;
  uploadCaptions(id: string, file: Blob, language: string, options?: Ended & { label?: string; name?: string; idempotencyKey?: string }): Promise<Caption>;
  video(id: string, options?: Ended): Promise<Video>;
  image(id: string, options?: Ended): Promise<Image>;
  audio(id: string, options?: Ended): Promise<Audio>;
  document(id: string, options?: Ended): Promise<TextDocument>;
  deleteVideo(id: string, options?: Ended): Promise<void>;
  deleteImage(id: string, options?: Ended): Promise<void>;
  deleteAudio(id: string, options?: Ended): Promise<void>;
  deleteDocument(id: string, options?: Ended): Promise<void>;
  search(q: string, options?: Ended & { type?: string; limit?: number; min_similarity?: number; min_relevance?: number }): Promise<SearchResults>;
  call(
    method: string,
    path: string,
    options?: Creation & { query?: Record<string, unknown>; body?: unknown; form?: FormData; repeatable?: boolean },
  ): Promise<any>;
}

/** The event of a webhook's request, when it is signed with `secret`. */
export function verify(
  body: string,
  headers: Headers | Record<string, string | undefined>,
  secret: string,
  seconds?: number,
): Promise<{ type: string; timestamp: string; data: TaskDetail | Flow }>;
