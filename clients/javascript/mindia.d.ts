import type { Audio, Caption, ChangeTask, Defect, Document as TextDocument, Flow, Hit, Image, LogLine, Operation, Options, Problem as Document, Quote, SearchResults, TaskDetail, TaskInList, TaskStats, TaskTypes, Video } from "./types.js";

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
  /** How many bytes are there, and of how many. */
  onProgress?: (there: number, size: number) => void;
}
/** What narrows a search down, and its page; the API's document says what each means. */
export interface Search extends Ended {
  type?: "video" | "image" | "audio" | "document";
  limit?: number;
  min_similarity?: number;
  min_relevance?: number;
  start_date?: string;
  end_date?: string;
  min_size?: number;
  max_size?: number;
  min_duration?: number;
  max_duration?: number;
  tag?: string;
  filename?: string;
  cursor?: string;
}
/** How a video is transcoded again. */
export interface Again extends Ended {
  background?: boolean;
  options?: Record<string, unknown>;
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
type ByUrl = Omit<Upload, "onProgress" | "name"> & { filename?: string };
type Question = string | { like: string };
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
  uploadVideoFrom(url: string, options?: ByUrl & OfVideo): Promise<Video>;
  uploadImageFrom(url: string, options?: ByUrl): Promise<Image>;
  uploadAudioFrom(url: string, options?: ByUrl): Promise<Audio>;
  uploadDocumentFrom(url: string, options?: ByUrl): Promise<TextDocument>;
  uploadAudio(file: Blob, options?: Upload): Promise<Audio>;
  uploadDocument(file: Blob, options?: Upload): Promise<TextDocument>;
  uploadCaptions(id: string, file: Blob, language: string, options?: Ended & { label?: string; name?: string; idempotencyKey?: string }): Promise<Caption>;
  captions(id: string, options?: Ended): Promise<Caption[]>;
  deleteCaptions(id: string, captionId: string, options?: Ended): Promise<void>;
  reprocessVideo(id: string, options?: Again): Promise<TaskDetail>;
  reprocessVideos(
    filter: { ids?: string[]; uploaded_from?: string; uploaded_to?: string },
    options?: Again & Creation & { dry_run?: boolean; tags?: string[] },
  ): Promise<Operation>;
  operation(id: string, options?: Ended): Promise<Operation>;
  waitOperation(operation: Operation, options?: Ended & { timeout?: number }): Promise<Operation>;
  video(id: string, options?: Ended): Promise<Video>;
  image(id: string, options?: Ended): Promise<Image>;
  audio(id: string, options?: Ended): Promise<Audio>;
  document(id: string, options?: Ended): Promise<TextDocument>;
  deleteVideo(id: string, options?: Ended): Promise<void>;
  deleteImage(id: string, options?: Ended): Promise<void>;
  deleteAudio(id: string, options?: Ended): Promise<void>;
  deleteDocument(id: string, options?: Ended): Promise<void>;
  search(q: Question, options?: Search): Promise<SearchResults>;
  searchByPicture(file: Blob, options?: Omit<Search, "min_relevance"> & { name?: string }): Promise<SearchResults>;
  hits(q: Question, options?: Search): AsyncGenerator<Hit>;
  call(
    method: string,
    path: string,
    options?: Creation & { query?: Record<string, unknown>; body?: unknown; form?: FormData; headers?: Record<string, string>; repeatable?: boolean },
  ): Promise<any>;
}

/** The event of a webhook's request, when it is signed with `secret`. */
export function verify(
  body: string,
  headers: Headers | Record<string, string | undefined>,
  secret: string,
  seconds?: number,
): Promise<{ type: string; timestamp: string; data: TaskDetail | Flow }>;
