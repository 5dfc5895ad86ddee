// Uploads under way: how much is sent, and what became of the file then. They go on while other views are looked at.

import { address, call, Problem, understand } from "./api.js";
import { getKey } from "./key.js";
import { LARGE, Pieces } from "./pieces.js";
import { may } from "./session.js";
import { remember } from "./upload-names.js";
import { update } from "./update.js";

/** Names whose types browsers do not know everywhere, and which a URL may have. ".ts" is a text to some of them. */
const DOCUMENTS = /\.(pdf|txt|md|markdown|html?|srt|vtt|docx|epub|odt|rtf|csv)$/i;
const IMAGES = /\.(jpe?g|png|gif|webp|avif|hei[cf]|bmp|tiff?)$/i;
const SOUNDS = /\.(mp[23]|m4[ab]|mka|weba|wma|wav|flac|og[ga]|opus|spx|aac|e?ac3|aiff?|au|snd|caf|amr)$/i;
const STREAMS = /\.m?2?ts$/i;

/**
 * Newest first: {name, size, sent, kind, state: sending | paused | waiting | accepted | failed | cancelled, media, problem,
 * cancel()}, and pause() and resume() of one that goes in pieces.
 */
export const uploading = [];

/** How videos are encoded: the name of a profile, or "" for the operator's default. */
export const choice = { profile: "" };

/** What is said of a file beside its bytes. */
function words(kind) {
  return kind === "video" && choice.profile ? { profile: choice.profile } : {};
}

/** Sends files, each to the kind of media that its type says; answers these kinds. */
export function send(files) {
  const kinds = new Set();
  for (const file of files) {
    const kind = kindOf(file);
    kinds.add(kind);
    const entry = { name: file.name, size: file.size, sent: 0, kind, state: "sending", media: null, problem: null };
    uploading.unshift(entry);
    if (file.size > LARGE && may("read")) beginPieces(entry, file);
    else begin(entry, file);
  }
  update();
  return [...kinds];
}

/** Has the gateway fetch what lies at a URL; Problem when it will not. */
export async function fetchFrom(url, kind = kindBy(new URL(url).pathname)) {
  const media = await call({ method: "POST", path: `/api/${kind}s`, body: { url, ...words(kind) } });
  const entry = { name: media.filename, size: null, sent: 0, kind, state: "accepted", media: { ...media, kind }, problem: null };
  remember(kind, [entry.media]);
  uploading.unshift(entry);
  update();
}

/** A browser knows the type of a file by its name, of many not. */
function kindOf({ name, type }) {
  const [family] = type.split("/");
  if (["video", "image", "audio"].includes(family)) return family;
  return family === "text" && !STREAMS.test(name) ? "document" : kindBy(name);
}

/** What is not known is taken for a video, as most are. */
function kindBy(name) {
  if (DOCUMENTS.test(name)) return "document";
  return IMAGES.test(name) ? "image" : SOUNDS.test(name) ? "audio" : "video";
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
  for (const [name, value] of Object.entries(words(entry.kind))) form.set(name, value);
  form.set("file", file);
  request.open("POST", address(`/api/${entry.kind}s`));
  request.setRequestHeader("Authorization", `Bearer ${getKey()}`);
  request.upload.onprogress = ({ loaded }) => {
    entry.sent = Math.min(loaded, entry.size);
    update();
  };
  request.onload = () => end(entry, () => {
    accept(entry, understand(request.status, request.responseText, request.getResponseHeader("Retry-After")));
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

function beginPieces(entry, file) {
  const become = (state, problem = null) => {
    Object.assign(entry, { state, problem });
    update();
  };
  const pieces = new Pieces(file, { kind: entry.kind, filename: file.name, ...words(entry.kind) }, {
    moved(there) {
      entry.sent = there;
      become("sending");
    },
    waits: (problem) => become("waiting", problem),
    failed: (problem) => become("failed", problem),
    ended: async (id) => {
      try {
        accept(entry, await call({ path: `/api/${entry.kind}s/${id}` }));
        become("accepted");
      } catch (problem) {
        become("failed", problem);
      }
    },
  });
  entry.pause = () => {
    pieces.pause();
    become("paused");
  };
  entry.resume = () => {
    become("sending");
    pieces.start();
  };
  entry.cancel = () => {
    pieces.cancel();
    become("cancelled");
  };
  pieces.start();
}

function accept(entry, media) {
  entry.media = { ...media, kind: entry.kind };
  remember(entry.kind, [entry.media]);
}

function end(entry, outcome) {
  try {
    entry.state = outcome();
  } catch (problem) {
    Object.assign(entry, { state: "failed", problem });
  }
  update();
}
