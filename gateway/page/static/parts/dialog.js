// The one dialog. A redraw never closes it, and the focus returns to where it was.

import { html, nothing } from "../lit.js";
import { update, updateNow } from "../update.js";
import { announce } from "./announce.js";
import { icon } from "./icons.js";

let shown = null;
let opener = null;

class ModalDialog extends HTMLElement {
  connectedCallback() {
    this.firstElementChild.showModal();
  }
}
customElements.define("modal-dialog", ModalDialog);

/** Shows `draw()` under `title`, in place of a dialog that is open; answers what closes it, and no other that came since. */
export function openDialog(title, draw, { wide = false } = {}) {
  opener ??= document.activeElement;
  shown = null;
  updateNow();
  const own = (shown = { title, draw, wide });
  update();
  return () => shown === own && closeDialog();
}

/**
 * Waits for `read()`, which has what a dialog is made of. False when there is nothing to open: it could not be had, which
 * is said, or somebody has gone on to something else meanwhile.
 */
export async function readFirst(read) {
  const [place, before] = [location.hash, shown];
  try {
    await read();
  } catch (problem) {
    if (!("status" in problem)) throw problem;
    announce(problem.message);
    return false;
  }
  return location.hash === place && shown === before;
}

export function closeDialog() {
  shown = null;
  updateNow();
  opener?.focus?.();
  opener = null;
}

export function dialogIsOpen() {
  return shown !== null;
}

/** Where the dialog is drawn. */
export function dialog() {
  if (!shown) return nothing;
  return html`<modal-dialog>
    <dialog class=${shown.wide ? "wide" : ""} aria-labelledby="dialog-title" @cancel=${cancel} @click=${besides}>
      <div class="dialog-body">
        <header><h2 id="dialog-title">${shown.title}</h2>
          <button type="button" class="quiet" aria-label="Close" @click=${closeDialog}>${icon("close")}</button></header>
        ${shown.draw()}
      </div>
    </dialog>
  </modal-dialog>`;
}

function cancel(event) {
  event.preventDefault();
  closeDialog();
}

function besides(event) {
  if (event.target === event.currentTarget) closeDialog();
}
