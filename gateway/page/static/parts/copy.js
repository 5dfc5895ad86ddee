// Copying text; on plain http, where there is no clipboard to write to, it is selected instead.

import { html } from "../lit.js";
import { announce } from "./announce.js";
import { icon } from "./icons.js";

export function copyButton(text, label) {
  return html`<button type="button" class="quiet" aria-label="Copy ${label}" title="Copy ${label}" @click=${(event) => copy(event, text)}>
    ${icon("copy")}</button>`;
}

async function copy(event, text) {
  event.stopPropagation();
  const button = event.currentTarget;
  try {
    await navigator.clipboard.writeText(text);
    announce("Copied.");
  } catch {
    const source = button.closest(".copyable")?.querySelector("code, pre, .copied");
    if (source) getSelection().selectAllChildren(source);
    announce("Selected: copy it with Ctrl-C.");
  }
}
