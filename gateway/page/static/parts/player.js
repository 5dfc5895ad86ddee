// A video that plays an HLS playlist; the library is fetched when somebody looks at one.

import { html, nothing } from "../lit.js";
import "./storyboard.js";

const LIBRARY = "../vendor/hls.js-1.7.4/hls.min.mjs";
const WORKER = new URL("../vendor/hls.js-1.7.4/hls.worker.js", import.meta.url).href;
/** A decoder that fails more often than that does not come right. */
const MOST_RECOVERIES = 3;

/**
 * Plays what `src` lies at. What is played is told by `identity`: another link to the same, such as every reading of a
 * file brings, is kept for when the present one has run out, and disturbs nobody.
 */
class HlsPlayer extends HTMLElement {
  static observedAttributes = ["src", "identity", "start"];
  #hls = null;
  #library = null;
  #playing = "";
  #source = "";
  #recoveries = 0;
  #seek = ({ detail }) => this.#go(detail);

  connectedCallback() {
    this.querySelector(".unplayable button").onclick = () => this.#start(true);
    this.addEventListener("seek", this.#seek);
    this.#start();
  }

  attributeChangedCallback(name, _, now) {
    if (!this.isConnected || !this.firstElementChild) return;
    if (name !== "start") this.#start();
    else if (now !== null && this.#source) this.#go(Number(now));
  }

  disconnectedCallback() {
    this.#stop();
  }

  get #video() {
    return this.querySelector("video");
  }

  async #start(anew = false) {
    const identity = this.getAttribute("identity");
    if (!this.getAttribute("src") || (identity === this.#playing && !anew)) return;
    this.#stop();
    this.#playing = identity;
    const library = this.#library ?? (await import(LIBRARY).catch(() => null))?.default;
    if (!this.isConnected || this.#playing !== identity || this.#hls) return;
    if (!library) return this.#giveUp();
    this.#library = library;
    this.#recoveries = 0;
    const start = this.getAttribute("start");
    if (this.#library.isSupported()) this.#play(this.#library, start === null ? -1 : Number(start));
    else this.#video.src = `${(this.#source = this.getAttribute("src"))}${start === null ? "" : `#t=${start}`}`;
    this.#video.controls = true; // before, there is nothing that could be started
  }

  #play(Hls, position = -1) {
    this.#hls = new Hls({ workerPath: WORKER, capLevelToPlayerSize: true, maxBufferLength: 20, startPosition: position });
    this.#hls.on(Hls.Events.ERROR, (_, { fatal, type }) => fatal && this.#recover(Hls, type));
    this.#hls.loadSource((this.#source = this.getAttribute("src")));
    this.#hls.attachMedia(this.#video);
  }

  /** A decoder is set up anew; a link that has run out is replaced by the newest. Either goes on where it was. */
  #recover(Hls, type) {
    const { paused, currentTime } = this.#video;
    if (type === Hls.ErrorTypes.MEDIA_ERROR && this.#recoveries++ < MOST_RECOVERIES) this.#hls.recoverMediaError();
    else if (type === Hls.ErrorTypes.NETWORK_ERROR && this.#source !== this.getAttribute("src")) {
      this.#hls.destroy();
      this.#play(Hls, currentTime);
    } else return this.#giveUp();
    if (!paused) this.#video.play().catch(() => {});
  }

  /** Plays from that second on. */
  #go(second) {
    this.#video.currentTime = second;
    this.#video.play().catch(() => {});
  }

  #giveUp() {
    this.#hls?.destroy();
    this.#hls = null;
    this.#video.controls = false;
    this.querySelector(".unplayable").hidden = false;
  }

  #stop() {
    this.#hls?.destroy();
    this.#hls = null;
    this.#playing = "";
    this.#video.controls = false;
    this.querySelector(".unplayable").hidden = true;
  }
}
customElements.define("hls-player", HlsPlayer);

/**
 * The player of `id`; `label` names the video, `storyboard` is where its pictures by time are listed, if they are, and
 * `start` the second that it begins at.
 */
export function player(id, url, poster, label, storyboard, start) {
  return html`<hls-player src=${url} identity=${id} start=${start ?? nothing}><video playsinline preload="metadata" poster=${poster ?? ""} aria-label=${label}></video>
    <p class="unplayable" role="alert" hidden>It cannot be played now. <button type="button">Try again</button></p>
    ${storyboard ? html`<story-board src=${storyboard}></story-board>` : nothing}</hls-player>`;
}
