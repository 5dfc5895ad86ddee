// Times, spans, numbers and sizes as people read them.

import { clock } from "./api.js";
import { html, nothing } from "./lit.js";

const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const DECIMAL = new Intl.NumberFormat("en", { maximumSignificantDigits: 2 });
const TIME = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)/;
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const DATE = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

export function count(number) {
  return NUMBER.format(number);
}

/** With two digits that matter, and no more behind whole numbers. */
export function decimal(number) {
  return number >= 100 ? NUMBER.format(number) : DECIMAL.format(number);
}

/** A rate per second in the unit that makes it a number to read: "2.4/s", "0.8/min", "3/h". */
export function rate(perSecond) {
  if (!perSecond) return "0";
  if (perSecond >= 0.95) return `${decimal(perSecond)}/s`;
  return perSecond * 60 >= 0.195 ? `${decimal(perSecond * 60)}/min` : `${decimal(perSecond * 3600)}/h`;
}

/** "1 task", "12 tasks". */
export function plural(number, word, words = `${word}s`) {
  return `${count(number)} ${number === 1 ? word : words}`;
}

/** The server's time now, in ms. */
export function now() {
  return Date.now() + clock.ahead;
}

/** A span of seconds: "0.3 s", "12 s", "2 m 4 s", "3 h 5 m", "4 d 2 h"; never negative. */
export function span(seconds) {
  const whole = Math.max(0, seconds);
  if (whole < 9.95) return `${whole < 0.05 ? (whole ? "<0.1" : "0") : whole.toFixed(1)} s`;
  const units = [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]];
  let left = Math.round(whole);
  const parts = [];
  for (const [unit, size] of units) {
    if (left >= size && parts.length < 2) parts.push(`${Math.floor(left / size)} ${unit}`);
    else if (parts.length) break;
    left %= size;
  }
  return parts.join(" ");
}

/** A place in a recording, in seconds: "0:07", "1:02:03". */
export function place(seconds) {
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds % 60)];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** Seconds between two RFC 3339 times; to now where the second is missing. */
export function between(start, end) {
  return Math.max(0, ((end ? Date.parse(end) : now()) - Date.parse(start)) / 1000);
}

/** A moment of the day here; with its date where that is another, and its year. */
export function moment(time) {
  const at = new Date(typeof time === "string" ? Date.parse(time) : time);
  const today = new Date(now());
  if (at.toDateString() === today.toDateString()) return CLOCK.format(at);
  return `${(at.getFullYear() === today.getFullYear() ? DAY : DATE).format(at)} ${CLOCK.format(at)}`;
}

/** The same of where a span of time ends, which is not cut off but rounded up to a second. */
export function end(time) {
  return Math.ceil(Date.parse(time) / 1000) * 1000;
}

/** A sentence of the API, its times as moments here. */
export function sentence(text) {
  return text.split(TIME).map((part, index) => (index % 2 ? at(part) : part));
}

/** How long ago, or until when; the exact time in its title. */
export function when(time) {
  if (!time) return nothing;
  const seconds = (now() - Date.parse(time)) / 1000;
  const words = seconds >= 0 ? `${span(Math.floor(seconds))} ago` : `in ${span(-seconds)}`;
  return html`<time datetime=${time} title=${utc(time)}>${words}</time>`;
}

/** The moment here, or what `round` makes of it; the exact time in its title. */
export function at(time, round = (same) => same) {
  return time ? html`<time datetime=${time} title=${utc(time)}>${moment(round(time))}</time>` : nothing;
}

export function bytes(number) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = number;
  while (size >= 1000 && units.length > 1) {
    size /= 1000;
    units.shift();
  }
  return `${units[0] === "B" ? size : DECIMAL.format(size)} ${units[0]}`;
}

/** The first characters of an id, enough to tell a few apart. */
export function short(id) {
  return id.slice(0, 8);
}

function utc(time) {
  return `${time.replace("T", " ").replace("Z", "")} UTC`;
}
