// Files that are dropped anywhere on the page are uploaded; nowhere does the browser open them instead of it.

import { html, nothing } from "../lit.js";
import { may, session } from "../session.js";
import { update } from "../update.js";
import { dialogIsOpen } from "./dialog.js";
import { icon } from "./icons.js";

let over = false;

/** Hands what is dropped to `take(files)`, wherever nothing else is asked at the moment. */
export function takeDrops(take) {
  const moved = (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = taken() ? "copy" : "none";
    show(taken());
  };
  addEventListener("dragenter", moved);
  addEventListener("dragover", moved);
  addEventListener("dragleave", (event) => event.relatedTarget === null && show(false)); // of the window
  addEventListener("drop", (event) => {
    show(false);
    if (!hasFiles(event)) return;
    event.preventDefault();
    if (taken()) take(event.dataTransfer.files);
  });
}

/** What is seen while files are held over the page. */
export function dropTarget() {
  return over ? html`<div class="dropping" aria-hidden="true"><p>${icon("upload")} Drop to upload</p></div>` : nothing;
}

/** Text that is dragged into a field is none, and a field for files takes its own. */
function hasFiles({ dataTransfer, target }) {
  return dataTransfer?.types.includes("Files") && !target.closest?.("input[type=file]");
}

function taken() {
  return session.state === "in" && may("write") && !dialogIsOpen();
}

function show(now) {
  if (over === now) return;
  over = now;
  update();
}
