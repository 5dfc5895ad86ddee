// Uploads under way: how much is sent, and what became of the file then. They go on while other views are looked at.

import { address, Problem, understand } from "./api.js";
import { getKey } from "./key.js";
import { remember } from "./upload-names.js";
import { update } from "./update.js";

/** Names of documents, whose types browsers do not know everywhere. */
const DOCUMENTS = /\.(pdf|txt|md|markdown|html?|srt|vtt|docx|epub|odt|rtf|csv)$/i;

/** Newest first: {name, size, sent, kind, state: sending | accepted | failed | cancelled, media, problem, cancel()}. */
export const uploading = [];

/** Sends files, each to the kind of media that its type says. */
export function send(files) {
  for (const file of files) {
    const kind = kindOf(file);
    const entry = { name: file.name, size: file.size, sent: 0, kind, state: "sending", media: null, problem: null };
    uploading.unshift(entry);
    begin(entry, file);
  }
  update();
}

/** A browser knows the type of a file by its name, of many not: those without are taken for videos, as most are. */
function kindOf({ name, type }) {
  const [family] = type.split("/");
  if (family === "image" || family === "audio") return family;
  return family === "text" || type === "application/pdf" || DOCUMENTS.test(name) ? "document" : "video";
}

/** Forgets one that has ended. */
export function dismiss(entry) {
  uploading.splice(uploading.indexOf(entry), 1);
  update();
}

/** Only XMLHttpRequest tells how much of a body is sent. */
function begin(entry, file) {
  const request = new XMLHttpRequest();
  const form = new FormData();
  form.set("file", file);
  request.open("POST", address(`/api/${entry.kind}s`));
  request.setRequestHeader("Authorization", `Bearer ${getKey()}`);
  request.upload.onprogress = ({ loaded }) => {
    entry.sent = Math.min(loaded, entry.size);
    update();
  };
  request.onload = () => end(entry, () => {
    entry.media = { ...understand(request.status, request.responseText, request.getResponseHeader("Retry-After")), kind: entry.kind };
    remember(entry.kind, [entry.media]);
    return "accepted";
  });
  request.onerror = () => end(entry, () => {
    throw new Problem(0, { detail: "The connection was lost; nothing is stored. Send the file again." });
  });
  entry.cancel = () => {
    request.abort();
    end(entry, () => "cancelled");
  };
  request.send(form);
}

function end(entry, outcome) {
  try {
    entry.state = outcome();
  } catch (problem) {
    Object.assign(entry, { state: "failed", problem });
  }
  update();
}
