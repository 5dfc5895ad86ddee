// What quotas are called, and how their numbers are written.

import { bytes, count } from "./format.js";

const QUOTAS = {
  requests_per_minute: ["Requests a minute", count],
  uploads_per_day: ["Uploads a day", count],
  stored_bytes: ["Stored bytes", bytes],
  waiting_tasks: ["Waiting tasks", count],
  cpu_seconds_per_day: ["Processor seconds a day", count],
  cpu_seconds_per_month: ["Processor seconds a month", count],
  media_seconds_per_day: ["Media seconds a day", count],
  media_seconds_per_month: ["Media seconds a month", count],
};

export function quotaName(name) {
  return QUOTAS[name]?.[0] ?? name.replaceAll("_", " ");
}

/** What writes a number of it. */
export function quotaNumber(name) {
  return QUOTAS[name]?.[1] ?? count;
}
