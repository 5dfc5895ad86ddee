// Small pictures of a video by time, of those that its storyboard has: a press plays from there.

import { place } from "../format.js";
import { html, render, svg } from "../lit.js";

/** How many are shown: as many as one row of a wide window has, and two of a narrow one. */
const MOST = 8;
/** One is on the poster. */
const FEWEST = 2;
/** A cue of WebVTT: its times, and the part of a picture that it names (`#xywh=`, W3C Media Fragments 1.0). */
const CUE = /^(\d+:)?(\d+):(\d+)[.,](\d+) -->.*\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)/gm;

class StoryBoard extends HTMLElement {
  static observedAttributes = ["src"];
  #shown = "";

  attributeChangedCallback() {
    if (this.isConnected) this.#show();
  }

  connectedCallback() {
    this.#show();
  }

  async #show() {
    const source = this.getAttribute("src");
    if (!source || source === this.#shown) return;
    this.#shown = source;
    const answer = await fetch(source).catch(() => null);
    if (!answer?.ok || source !== this.#shown) return;
    const frames = spread(read(await answer.text(), source));
    if (frames.length < FEWEST) return;
    render(html`<ol aria-label="Pictures by time">${frames.map((each) => this.#frame(each))}</ol>`, this);
  }

  /** The part of the sheet that counts is cut out by the view box. */
  #frame({ start, sheet, area: [x, y, width, height] }) {
    const seek = () => this.dispatchEvent(new CustomEvent("seek", { detail: start, bubbles: true }));
    return html`<li><button type="button" aria-label="Play from ${place(start)}" @click=${seek}>
      ${svg`<svg viewBox="${x} ${y} ${width} ${height}" aria-hidden="true" focusable="false"><image href=${sheet} /></svg>`}
      <span>${place(start)}</span></button></li>`;
  }
}
customElements.define("story-board", StoryBoard);

function read(text, source) {
  return [...text.matchAll(CUE)].map(([, hours, minutes, seconds, part, name, ...area]) => ({
    start: parseInt(hours ?? 0, 10) * 3600 + Number(minutes) * 60 + Number(`${seconds}.${part}`),
    sheet: new URL(name, source).href,
    area: area.map(Number),
  }));
}

/** At most so many of them, evenly. */
function spread(frames) {
  if (frames.length <= MOST) return frames;
  return Array.from({ length: MOST }, (_, index) => frames[Math.floor((index * frames.length) / MOST)]);
}
