// Submits, watches and controls tasks of a Mindia Tasks gateway. For browsers, node, deno, bun: nothing but fetch is needed.

/** Statuses after which the same request may be answered otherwise. */
const PASSING = new Set([429, 502, 503, 504, 507]);
const REPEATABLE = new Set(["GET", "PUT", "DELETE"]);
const [FIRST_PAUSE_MS, LONGEST_PAUSE_MS] = [250, 10_000];
/** Seconds for which the gateway keeps a question open until a status changes; tasks of a page, lines of a page. */
const [LONGEST_WAIT, PAGE, LINES] = [25, 100, 1000];
/** Milliseconds between two looks at an operation. */
const LOOK_MS = 500;
/** Bytes of a file above which it goes in pieces, and of one piece: the gateway keeps as much at a time. */
const PIECE = 8 * 1024 * 1024;
const TUS = { "Tus-Resumable": "1.0.0" };
/** What is over when the gateway was asked how far an upload is. */
const BETWEEN = new Set(["offset_mismatch", "upload_locked", "checksum_mismatch"]);
const KINDS = { "/api/videos": "video", "/api/images": "image", "/api/audios": "audio", "/api/documents": "document" };
/** Milliseconds without a byte after which a stream counts as dead; the gateway sends something every 15 s. */
const SILENCE_MS = 40_000;

/** Whatever this client throws, but for what `signal` ends. */
export class MindiaError extends Error {
  get name() {
    return this.constructor.name;
  }
}

/** Nobody answered, or what answered is no Mindia Tasks gateway. The request may have been carried out. */
export class NoAnswer extends MindiaError {}

/** The task has not ended in the time given; it goes on. */
export class WaitTimeout extends MindiaError {}

/** A task ended otherwise than completed: `task`. */
export class TaskFailed extends MindiaError {
  constructor(task) {
    super(`${task.type} ${task.id} ${task.status}: ${task.error ?? "no error was told"}`);
    this.task = task;
  }
}

/** The gateway refused (RFC 9457): `code` tells why, `document` has all members. */
export class Problem extends MindiaError {
  constructor(document) {
    super(document.detail || document.title || "The gateway refused.");
    this.document = document;
    this.status = document.status;
    this.code = document.code;
    this.errors = document.errors ?? [];
    this.retryAfter = document.retry_after;
  }
}

/** One gateway, as the owner of one key sees it. Answers are JSON as the API writes it. */
export class Client {
  #url;
  #key;
  #patience;
  #fetch;
  #scopes;

  /**
   * `patience`: seconds for which what is safe to repeat is repeated. Creations are, because each carries an
   * Idempotency-Key.
   */
  constructor({ url, key, patience = 60, fetch = globalThis.fetch } = {}) {
    const environment = globalThis.process?.env ?? {};
    this.#url = (url ?? environment.MINDIA_URL ?? "http://127.0.0.1:8000").replace(/\/+$/, "");
    this.#key = key ?? environment.MINDIA_KEY;
    if (!this.#key) throw new TypeError("no API key: pass {key}, or set MINDIA_KEY");
    [this.#patience, this.#fetch] = [patience, (...asked) => fetch(...asked)];
  }

  // tasks -----------------------------------------------------------------------------------------------------------

  /** The task, accepted. Under an `idempotencyKey` it is created once, however often this is called. */
  submit(type, payload, { idempotencyKey, signal, ...options } = {}) {
    return this.#create("/api/tasks", { type, payload, ...options }, idempotencyKey, signal);
  }

  /** Up to 1,000 bodies `{type, payload, …}`, accepted all or none. */
  async submitMany(tasks, { idempotencyKey, signal } = {}) {
    return (await this.#create("/api/tasks/batch", { tasks }, idempotencyKey, signal)).tasks;
  }

  get(id, { signal } = {}) {
    return this.call("GET", `/api/tasks/${id}`, { signal });
  }

  /** All that match `filters`, newest first, page by page. What is submitted meanwhile is left out. */
  async *tasks(filters = {}, { signal } = {}) {
    for (let cursor = ""; cursor !== null; ) {
      const page = await this.call("GET", "/api/tasks", { query: { ...filters, limit: PAGE, cursor }, signal });
      yield* page.tasks;
      cursor = page.next_cursor;
    }
  }

  stats({ signal } = {}) {
    return this.call("GET", "/api/tasks/stats", { signal });
  }

  /** The task once it has ended, well or badly. Throws WaitTimeout after `timeout` seconds. */
  async wait(task, { timeout = Infinity, signal } = {}) {
    const id = task.id ?? task;
    const end = now() + timeout * 1000;
    for (;;) {
      const left = Math.min(LONGEST_WAIT, (end - now()) / 1000);
      const query = left >= 1 ? { wait: Math.floor(left) } : {};
      const found = await this.call("GET", `/api/tasks/${id}`, { query, signal });
      if (found.completed_at !== null) return found;
      if (now() >= end) throw new WaitTimeout(`${found.type} ${id} is ${found.status} after ${timeout} s`);
      if (left < 1) await pause(Math.max(10, left * 1000), signal);
    }
  }

  /** What the task makes, once it is completed. Throws TaskFailed where it ends otherwise, WaitTimeout. */
  async result(task, options) {
    const ended = await this.wait(task, options);
    if (ended.status !== "completed") throw new TaskFailed(ended);
    return ended.result;
  }

  /** Events `{name, data, id}` of the task until it has ended, or without an id of all of the tenant's for ever. */
  async *watch(id, { lastId = "", signal } = {}) {
    const path = id ? `/api/tasks/${id}/events` : "/api/events";
    let lostAt;
    let asked = 0;
    for (let tries = 0; ; tries += 1) {
      const silence = new AbortController();
      try {
        const headers = { Accept: "text/event-stream", ...(lastId && { "Last-Event-ID": lastId }) };
        const answer = await this.#ask("GET", path, { headers, signal: either(signal, silence.signal) });
        if (answer.status === 204) return;
        [lostAt, tries] = [undefined, 0];
        for await (const event of events(answer.body, silence)) {
          lastId = event.id || lastId;
          yield event;
          if (id && (event.name === "gone" || event.data.ended)) return;
        }
        asked = 0;
      } catch (error) {
        if (signal?.aborted || (error instanceof Problem && !PASSING.has(error.status))) throw error;
        if (!(error instanceof MindiaError) && !broken(error)) throw error;
        asked = error.retryMs ?? 0;
      } finally {
        silence.abort();
      }
      lostAt ??= now();
      if (now() - lostAt > this.#patience * 1000) throw new NoAnswer(`${this.#url}: the event stream is lost`);
      await pause(Math.max(asked, backOff(tries + 1)), signal);
    }
  }

  /** What its handler has logged and printed until now, in all its runs or in one `attempt`. */
  async *logs(id, { attempt, after, signal } = {}) {
    do {
      const query = { attempt, after, limit: LINES };
      const page = await this.call("GET", `/api/tasks/${id}/logs`, { query, signal });
      yield* page.lines;
      after = page.next;
    } while (after);
  }

  /** Gives a task that waits another `priority`, other `tags`, or another time. */
  change(id, changes, { signal } = {}) {
    return this.call("PATCH", `/api/tasks/${id}`, { body: changes, repeatable: true, signal });
  }

  /** Ends a waiting task, with `force` a running one too; its status. */
  async cancel(id, { force = false, signal } = {}) {
    const options = { query: force ? { force } : {}, repeatable: true, signal };
    return (await this.call("POST", `/api/tasks/${id}/cancel`, options)).status;
  }

  /** Runs a failed task again, with `force` also one whose retries are used; its status. */
  async retry(id, { force = false, signal } = {}) {
    return (await this.call("POST", `/api/tasks/${id}/retry`, { query: force ? { force } : {}, signal })).status;
  }

  /** Removes a task that has ended. */
  delete(id, { signal } = {}) {
    return this.call("DELETE", `/api/tasks/${id}`, { signal });
  }

  /** When such a task would start and end; nothing is stored. */
  quote(type, payload, { signal, ...options } = {}) {
    return this.call("POST", "/api/quotes", { body: { type, payload, ...options }, repeatable: true, signal });
  }

  flow(id, { signal } = {}) {
    return this.call("GET", `/api/flows/${id}`, { signal });
  }

  // files -----------------------------------------------------------------------------------------------------------

  /**
   * The video, stored, with its `task_id`. `file`: a File or Blob. `then`: names of what is to follow; `onProgress(there,
   * size)` is told how many bytes are there. Files above 8 MiB go in pieces: after a broken connection the rest is sent, as
   * long as something comes of it within `patience`. Under an `idempotencyKey` the same call again goes on where the first
   * stopped, in another tab too.
   */
  uploadVideo(file, options) {
    return this.#upload("/api/videos", file, options);
  }

  uploadImage(file, options) {
    return this.#upload("/api/images", file, options);
  }

  /** The video at a URL: the answer comes at once, and its task fetches it. */
  uploadVideoFrom(url, options) {
    return this.#uploadFrom("/api/videos", url, options);
  }

  uploadImageFrom(url, options) {
    return this.#uploadFrom("/api/images", url, options);
  }

  uploadAudioFrom(url, options) {
    return this.#uploadFrom("/api/audios", url, options);
  }

  uploadDocumentFrom(url, options) {
    return this.#uploadFrom("/api/documents", url, options);
  }

  uploadAudio(file, options) {
    return this.#upload("/api/audios", file, options);
  }

  uploadDocument(file, options) {
    return this.#upload("/api/documents", file, options);
  }

  /** Captions of a video, as SubRip or WebVTT; `label` is what players call them. */
  uploadCaptions(id, file, language, options) {
    return this.#upload(`/api/videos/${id}/captions`, file, { ...options, language });
  }

  async captions(id, { signal } = {}) {
    return (await this.call("GET", `/api/videos/${id}/captions`, { signal })).captions;
  }

  /** Takes captions away; those who play the video now keep them. */
  deleteCaptions(id, captionId, { signal } = {}) {
    return this.call("DELETE", `/api/videos/${id}/captions/${captionId}`, { signal });
  }

  /** The task that transcodes a video again, which plays as it is until then; `options` are more of its payload. */
  reprocessVideo(id, { signal, ...how } = {}) {
    return this.call("POST", `/api/videos/${id}/reprocess`, { body: how, repeatable: true, signal });
  }

  /**
   * The operation that does so with all that match `filter` {ids, uploaded_from, uploaded_to}, `{}` for all. A small one has
   * ended with the answer; the gateway's daemon goes on with others, whatever becomes of this process. `dry_run` only counts
   * them; `tags` are given to the tasks, to find them by.
   */
  reprocessVideos(filter, { signal, idempotencyKey, ...how } = {}) {
    return this.#create("/api/operations", { action: "reprocess", filter, ...how }, idempotencyKey, signal);
  }

  /** How far an operation is: one of `reprocessVideos`, or of /api/operations. */
  operation(id, { signal } = {}) {
    return this.call("GET", `/api/operations/${id}`, { signal });
  }

  /** The operation once it has ended; throws WaitTimeout after `timeout` seconds. */
  async waitOperation(operation, { timeout = Infinity, signal } = {}) {
    const end = now() + timeout * 1000;
    while (operation.status === "running") {
      const left = Math.min(LOOK_MS, end - now());
      if (left <= 0) throw new WaitTimeout(`operation ${operation.id} is running after ${timeout} s`);
      await pause(left, signal);
      operation = await this.operation(operation.id, { signal });
    }
    return operation;
  }

  video(id, { signal } = {}) {
    return this.call("GET", `/api/videos/${id}`, { signal });
  }

  image(id, { signal } = {}) {
    return this.call("GET", `/api/images/${id}`, { signal });
  }

  audio(id, { signal } = {}) {
    return this.call("GET", `/api/audios/${id}`, { signal });
  }

  document(id, { signal } = {}) {
    return this.call("GET", `/api/documents/${id}`, { signal });
  }

  /** Removes a video with all that was made of it. */
  deleteVideo(id, { signal } = {}) {
    return this.call("DELETE", `/api/videos/${id}`, { signal });
  }

  deleteImage(id, { signal } = {}) {
    return this.call("DELETE", `/api/images/${id}`, { signal });
  }

  deleteAudio(id, { signal } = {}) {
    return this.call("DELETE", `/api/audios/${id}`, { signal });
  }

  deleteDocument(id, { signal } = {}) {
    return this.call("DELETE", `/api/documents/${id}`, { signal });
  }

  /** What shows or says the words, or with `{like: id}` in their place what is like a file: one page, `next_cursor` goes on. */
  search(q, { signal, ...options } = {}) {
    const asked = typeof q === "object" ? { ...q } : { q };
    return this.call("GET", "/api/search", { query: { ...asked, ...options }, signal });
  }

  /** What is like a picture, a File or Blob, which is not kept. */
  searchByPicture(file, options) {
    return this.#upload("/api/search", file, options);
  }

  /** All that `search` finds, best first, page by page. */
  async *hits(q, options = {}) {
    for (let cursor = options.cursor; ; ) {
      const page = await this.search(q, { limit: PAGE, ...options, cursor });
      yield* page.results;
      cursor = page.next_cursor;
      if (!cursor) return;
    }
  }

  // all else --------------------------------------------------------------------------------------------------------

  /** Any other operation of the API's document: its answer as a value, undefined where there is none. */
  async call(method, path, { query, body, form, headers: more, idempotencyKey, repeatable = false, signal } = {}) {
    const headers = { ...more, ...(idempotencyKey && { "Idempotency-Key": quoted(idempotencyKey) }) };
    if (!form && !more && (body !== undefined || method === "POST")) headers["Content-Type"] = "application/json";
    const sent = form ?? (headers["Content-Type"] ? JSON.stringify(body ?? {}) : undefined);
    const again = repeatable || Boolean(idempotencyKey) || REPEATABLE.has(method);
    const end = now() + this.#patience * 1000;
    for (let tries = 0; ; tries += 1) {
      try {
        const answer = await this.#ask(method, address(path, query), { headers, body: sent, signal });
        const text = await answer.text();
        return text ? parsed(text, this.#url) : undefined;
      } catch (thrown) {
        if (tries && method === "DELETE" && thrown.status === 404) return undefined;
        if (signal?.aborted) throw thrown;
        const error = broken(thrown) ? new NoAnswer(`${this.#url}: ${thrown.message}`, { cause: thrown }) : thrown;
        const longest = Math.max(error.retryMs ?? 0, backOff(tries));
        if (!mayRepeat(error, again) || now() + longest > end) throw error;
        await pause(longest, signal);
      }
    }
  }

  /** An answer with a good status. */
  async #ask(method, path, { headers, ...options }) {
    const sent = { ...options, method, headers: { ...headers, Authorization: `Bearer ${this.#key}` }, cache: "no-store" };
    let answer;
    try {
      answer = await this.#fetch(this.#url + path, sent);
    } catch (error) {
      if (options.signal?.aborted && error.name === "AbortError") throw error;
      throw new NoAnswer(`${this.#url}: ${error.cause?.message || error.message}`, { cause: error });
    }
    if (answer.ok) return answer;
    const document = await answer.json().catch(() => undefined);
    const known = typeof document?.code === "string" && "status" in document;
    const error = known ? new Problem(document) : new NoAnswer(`${this.#url}${path}: ${answer.status}, and no gateway's answer`);
    error.httpStatus = answer.status;
    error.retryMs = retryMs(answer.headers.get("Retry-After"));
    throw error;
  }

  #create(path, body, idempotencyKey, signal) {
    return this.call("POST", path, { body, idempotencyKey: idempotencyKey ?? crypto.randomUUID(), signal });
  }

  #uploadFrom(path, url, { idempotencyKey, signal, ...options } = {}) {
    const body = { url, ...options };
    return this.call("POST", path, { body, idempotencyKey: idempotencyKey ?? crypto.randomUUID(), signal });
  }

  async #upload(path, file, { name, idempotencyKey, signal, onProgress, ...options } = {}) {
    const told = Object.entries(options).filter(([, value]) => value !== undefined);
    const words = told.map(([member, value]) => [member, Array.isArray(value) ? JSON.stringify(value) : String(value)]);
    const filename = name ?? file.name ?? "file";
    if (KINDS[path] && file.size > PIECE && (await this.#mayRead(signal))) {
      const metadata = { kind: KINDS[path], filename, ...Object.fromEntries(words) };
      const id = await this.#sendPieces(file, metadata, { idempotencyKey, signal, onProgress });
      return this.call("GET", `${path}/${id}`, { signal });
    }
    const form = new FormData();
    for (const [member, value] of words) form.append(member, value);
    form.append("file", file, filename);
    const answer = await this.call("POST", path, { form, idempotencyKey: idempotencyKey ?? crypto.randomUUID(), signal });
    onProgress?.(file.size, file.size);
    return answer;
  }

  /** Whether the key may ask how far an upload is. */
  async #mayRead(signal) {
    this.#scopes ??= (await this.call("GET", "/api/me", { signal })).scopes;
    return this.#scopes.includes("read");
  }

  /** Sends a file by tus 1.0 (tus.io); the id of the media file that it became. */
  async #sendPieces(file, metadata, { idempotencyKey, signal, onProgress }) {
    const pairs = Object.entries(metadata).map(([name, text]) => `${name} ${base64(new TextEncoder().encode(text))}`);
    const headers = { ...TUS, "Upload-Length": String(file.size), "Upload-Metadata": pairs.join(",") };
    const key = idempotencyKey ?? crypto.randomUUID();
    const { id } = await this.call("POST", "/api/uploads", { headers, idempotencyKey: key, signal });
    const place = `/api/uploads/${id}`;
    let offset = idempotencyKey ? undefined : 0;
    for (let tries = 0, end = now() + this.#patience * 1000; ; ) {
      try {
        if (offset === undefined || offset >= file.size) {
          const upload = await this.call("GET", place, { signal });
          offset = upload.offset;
          onProgress?.(offset, file.size);
          if (upload.complete) return id;
        }
        const piece = file.slice(offset, offset + PIECE);
        await this.#ask("PATCH", place, { headers: await pieceHeaders(piece, offset), body: piece, signal });
        offset += piece.size;
        onProgress?.(offset, file.size);
        [tries, end] = [0, now() + this.#patience * 1000];
      } catch (thrown) {
        if (signal?.aborted) throw thrown;
        const error = broken(thrown) ? new NoAnswer(`${this.#url}: ${thrown.message}`, { cause: thrown }) : thrown;
        const longest = Math.max(error.retryMs ?? 0, backOff(tries));
        if (!(BETWEEN.has(error.code) || mayRepeat(error, true)) || now() + longest > end) throw error;
        [offset, tries] = [undefined, tries + 1];
        await pause(longest, signal);
      }
    }
  }
}

/**
 * The event `{type, timestamp, data}` of a webhook's request, when it is signed with `secret` (`whsec_…`); else throws
 * MindiaError. `headers` as a Headers object or a plain one. Tell repeats by the header `webhook-id`.
 */
export async function verify(body, headers, secret, seconds = Date.now() / 1000) {
  const read = (name) => headers.get?.(name) ?? headers[name];
  const [id, signedAt, told] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(read);
  if (!id || !told || !(Math.abs(seconds - Number(signedAt)) <= 300)) {
    throw new MindiaError("This is no signed webhook, or was signed too long ago.");
  }
  const raw = Uint8Array.from(atob(secret.replace(/^whsec_/, "")), (each) => each.charCodeAt(0));
  const key = await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  const content = new TextEncoder().encode(`${id}.${signedAt}.${body}`);
  for (const each of told.split(" ").filter((signature) => signature.startsWith("v1,"))) {
    const signature = Uint8Array.from(atob(each.slice(3)), (character) => character.charCodeAt(0));
    if (await crypto.subtle.verify("HMAC", key, signature, content)) return JSON.parse(body);
  }
  throw new MindiaError("This is not signed with the secret.");
}

/** Where a piece belongs, and its checksum where this is a place that browsers compute one in (https, or this machine). */
async function pieceHeaders(piece, offset) {
  const headers = { ...TUS, "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" };
  if (!globalThis.crypto?.subtle) return headers;
  const digest = await crypto.subtle.digest("SHA-256", await piece.arrayBuffer());
  return { ...headers, "Upload-Checksum": `sha256 ${base64(new Uint8Array(digest))}` };
}

const base64 = (bytes) => btoa(String.fromCharCode(...bytes));

/** A 429, and a 503 of the gateway's own, come before anything was done: unless it says that tasks may be there. */
function mayRepeat(error, repeatable) {
  if (error instanceof Problem) {
    if (error.code === "idempotency_key_in_use") return true;
    return PASSING.has(error.status) && (repeatable || !error.document.task_ids);
  }
  return error instanceof NoAnswer && repeatable && (!error.httpStatus || PASSING.has(error.httpStatus));
}

/** Whether the connection broke: fetch and its streams say so with a TypeError, or an abort of ours. */
function broken(error) {
  return error instanceof TypeError || error.name === "AbortError" || error.name === "TimeoutError";
}

function parsed(text, url) {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw Object.assign(new NoAnswer(`${url}: no JSON of a gateway`, { cause }), { httpStatus: 200 });
  }
}

function backOff(tries) {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries) * (0.5 + Math.random() / 2);
}

function retryMs(told) {
  if (!told) return 0;
  const milliseconds = Number.isNaN(Number(told)) ? Date.parse(told) - Date.now() : Number(told) * 1000;
  return Math.max(0, milliseconds) || 0;
}

function address(path, query = {}) {
  const told = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  return told.length ? `${path}?${new URLSearchParams(told)}` : path;
}

/** As a string of a structured field (RFC 9651), which may have spaces. */
const quoted = (key) => `"${key.replace(/[\\"]/g, "\\$&")}"`;

const now = () => performance.now();

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal?.aborted) return stop();
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    return signal?.addEventListener("abort", () => (clearTimeout(timer), stop()), { once: true });
  });
}

function either(given, own) {
  if (!given) return own;
  return AbortSignal.any([given, own]);
}

/** Server-sent events (WHATWG HTML, section 9.2); what is incomplete at the end is left out. */
async function* events(body, silence) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let timer;
  let rest = "";
  try {
    for (;;) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      const { value, done } = await reader.read();
      if (done) return;
      const frames = (rest + value).split("\n\n");
      rest = frames.pop();
      for (const frame of frames) {
        const lines = frame.split("\n").map((line) => [line.split(":", 1)[0], line.replace(/^\w*: ?/, "")]);
        const fields = Object.fromEntries(lines);
        const data = lines.filter(([name]) => name === "data").map(([, text]) => text);
        if (data.length) yield { name: fields.event ?? "message", data: JSON.parse(data.join("\n")), id: fields.id ?? "" };
      }
    }
  } finally {
    clearTimeout(timer);
    await reader.cancel().catch(() => {});
  }
}
