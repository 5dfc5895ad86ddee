// A large file, sent in pieces by tus 1.0 (tus.io): it goes on after a broken connection, a pause, and in a new tab.

import { address, call, Problem, understand } from "./api.js";
import { keep, kept } from "./half-done.js";
import { getKey } from "./key.js";
import { session } from "./session.js";

/** Bytes of a file above which it is sent so, and of one piece: the gateway keeps as much at a time. */
export const LARGE = 8 * 1024 * 1024;
const TUS = { "Tus-Resumable": "1.0.0" };
const [FIRST_PAUSE_MS, LONGEST_PAUSE_MS] = [500, 15_000];
/** A request of which nothing is heard for so long has lost its connection. */
const SILENCE_MS = 60_000;
/** What is over when the gateway was asked how far it is. */
const BETWEEN = ["offset_mismatch", "upload_locked", "checksum_mismatch"];

export class Pieces {
  #file;
  #told;
  #metadata;
  #name;
  #place = "";
  #found = false;
  #offset = null;
  #running = null;
  #wake = () => {};

  /** `told` is called: `moved(there)`, `waits(problem)` before another try, `ended(id)` or `failed(problem)` at the end. */
  constructor(file, metadata, told) {
    [this.#file, this.#metadata, this.#told] = [file, metadata, told];
    const { name, size, lastModified } = file;
    this.#name = JSON.stringify([session.me?.tenant_id, name, size, lastModified, metadata]);
    this.#place = kept(this.#name);
    this.#found = Boolean(this.#place);
  }

  /** Begins, or goes on; may be called while it waits, to try now. */
  start() {
    this.#wake();
    if (!this.#running) this.#run((this.#running = new AbortController()).signal);
  }

  /** What is there stays, and `start` goes on. */
  pause() {
    this.#running?.abort();
    this.#running = null;
    this.#offset = null; // of what was on its way, the gateway knows how much has arrived
  }

  /** What is there is removed. */
  async cancel() {
    this.pause();
    keep(this.#name, "");
    if (this.#place) await call({ method: "DELETE", path: this.#place, headers: TUS }).catch(() => {});
  }

  async #run(signal) {
    for (let tries = 0; !signal.aborted; ) {
      try {
        if (await this.#step(signal)) return;
        tries = 0;
      } catch (problem) {
        if (signal.aborted) return;
        if (!(problem instanceof Problem)) throw problem;
        if (problem.status === 404 && this.#found) {
          this.#forget(); // it was given up: begun anew
          continue;
        }
        if (!passes(problem)) return this.#fail(problem);
        this.#offset = null;
        if (!BETWEEN.includes(problem.code)) this.#told.waits(problem);
        const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries++);
        await this.#rest(Math.max(pause, problem.retryAfter * 1000), signal);
      }
    }
  }

  /** One piece, or what goes before it; true when it is complete. */
  async #step(signal) {
    this.#place ||= await this.#begin(signal);
    if (this.#offset === null || this.#offset >= this.#file.size) {
      const upload = await call({ path: this.#place, signal });
      this.#move(upload.offset);
      if (upload.complete) return this.#end(upload.id);
    }
    const piece = this.#file.slice(this.#offset, this.#offset + LARGE);
    await this.#send(piece, await pieceHeaders(piece, this.#offset), signal);
    this.#move(this.#offset + piece.size);
    return false;
  }

  async #begin(signal) {
    const metadata = Object.entries(this.#metadata).map(([name, text]) => `${name} ${base64(new TextEncoder().encode(text))}`);
    const headers = { ...TUS, "Upload-Length": this.#file.size, "Upload-Metadata": metadata.join(",") };
    const { id } = await call({ method: "POST", path: "/api/uploads", headers, signal });
    keep(this.#name, `/api/uploads/${id}`);
    this.#offset = 0;
    return `/api/uploads/${id}`;
  }

  /** Only XMLHttpRequest tells how much of a body is sent. */
  #send(piece, headers, signal) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      const lost = () => reject(new Problem(0, { detail: "The connection was lost." }));
      if (signal.aborted) return lost(); // while its checksum was computed
      let silence = setTimeout(() => request.abort(), SILENCE_MS);
      const stop = () => request.abort();
      request.open("PATCH", address(this.#place));
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      request.upload.onprogress = ({ loaded }) => {
        clearTimeout(silence);
        silence = setTimeout(stop, SILENCE_MS);
        if (!signal.aborted) this.#told.moved(this.#offset + Math.min(loaded, piece.size));
      };
      request.onload = () => {
        try {
          resolve(understand(request.status, request.responseText, request.getResponseHeader("Retry-After")));
        } catch (problem) {
          reject(problem);
        }
      };
      [request.onerror, request.onabort] = [lost, lost];
      request.onloadend = () => {
        clearTimeout(silence);
        signal.removeEventListener("abort", stop);
      };
      signal.addEventListener("abort", stop);
      request.send(piece);
    });
  }

  /** Until the time is over, the network is back, or somebody wants it to go on. */
  #rest(milliseconds, signal) {
    return new Promise((resolve) => {
      const timer = setTimeout(done, milliseconds);
      function done() {
        clearTimeout(timer);
        removeEventListener("online", done);
        resolve();
      }
      this.#wake = done;
      addEventListener("online", done);
      signal.addEventListener("abort", done);
    });
  }

  #move(offset) {
    this.#offset = offset;
    this.#told.moved(offset);
  }

  #forget() {
    keep(this.#name, "");
    [this.#place, this.#offset, this.#found] = ["", null, false];
  }

  #end(id) {
    keep(this.#name, "");
    this.#running = null;
    this.#told.ended(id);
    return true;
  }

  #fail(problem) {
    if ([404, 415].includes(problem.status)) this.#forget(); // it is no more
    this.pause();
    this.#told.failed(problem);
  }
}

function passes({ status, code }) {
  return !status || status === 429 || [502, 503, 504].includes(status) || BETWEEN.includes(code);
}

/** Where a piece belongs, and its checksum where browsers compute one: by https, or on this machine. */
async function pieceHeaders(piece, offset) {
  const headers = {
    ...TUS, Authorization: `Bearer ${getKey()}`, "Upload-Offset": offset, "Content-Type": "application/offset+octet-stream",
  };
  if (!crypto.subtle) return headers;
  const digest = await crypto.subtle.digest("SHA-256", await piece.arrayBuffer());
  return { ...headers, "Upload-Checksum": `sha256 ${base64(new Uint8Array(digest))}` };
}

function base64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}
