// What a region shows: what was read last and when, what went wrong since, and when it is read again.

import { update } from "./update.js";

const AFTER_ERROR_MS = 3000;

/** Whether the same request may succeed later. */
export function mayPass({ status }) {
  return !status || status === 429 || status >= 500;
}

export class Resource {
  data = undefined;
  error = undefined;
  /** When `data` was asked for, in ms. */
  at = 0;
  #read;
  #every;
  #open = false;
  #timer = 0;
  #running = null;
  #again = false;

  /** `read(signal)` answers the data; it is repeated `every` ms after it has ended, or only on demand. */
  constructor(read, { every = 0 } = {}) {
    this.#read = read;
    this.#every = every;
  }

  get loading() {
    return this.data === undefined && this.error === undefined;
  }

  start() {
    this.#open = true;
    return this.refresh();
  }

  stop() {
    this.#open = false;
    clearTimeout(this.#timer);
    this.#end();
  }

  /** Forgets what was read: it was for another question. */
  reset() {
    this.data = this.error = undefined;
    return this.renew();
  }

  /** Reads again; while it is being read, once more afterwards. */
  async refresh() {
    if (!this.#open) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    const running = (this.#running = new AbortController());
    const asked = Date.now();
    try {
      const data = await this.#read(running.signal);
      if (running.signal.aborted) return;
      [this.data, this.error, this.at] = [data, undefined, asked];
    } catch (error) {
      if (running.signal.aborted) return;
      this.error = error;
      if (!("status" in error)) throw error; // a mistake of this page: the console tells it, and it is read again
    } finally {
      if (!running.signal.aborted) {
        this.#running = null;
        this.#plan();
        update();
      }
    }
  }

  /** Reads again now, whatever is being read: that may hang in a connection that is no more. */
  renew() {
    this.#end();
    return this.refresh();
  }

  /** Ends what is being read, which then stands in nobody's way. */
  #end() {
    this.#running?.abort();
    this.#running = null;
    this.#again = false;
  }

  #plan() {
    if (this.#again) {
      this.#again = false;
      this.refresh();
    } else if (this.#open && (this.error ? mayPass(this.error) : this.#every)) {
      const wait = this.error ? Math.max(AFTER_ERROR_MS, (this.error.retryAfter ?? 0) * 1000) : this.#every;
      this.#timer = setTimeout(() => (document.hidden ? this.#plan() : this.refresh()), wait);
    }
  }
}
