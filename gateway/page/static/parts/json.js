// A JSON value to read and to copy. It is text: nothing in it is ever markup.

import { html, nothing } from "../lit.js";
import { copyButton } from "./copy.js";

const LONG = 4000;

/** A panel that folds; long values begin folded. */
export function json(title, value) {
  if (value === null || value === undefined) return nothing;
  const text = JSON.stringify(value, null, 2);
  return html`<details class="panel json copyable" ?open=${text.length < LONG}>
    <summary><h2>${title}</h2></summary>
    <div class="over">${copyButton(text, title.toLowerCase())}</div>
    <pre tabindex="0" aria-label=${title}>${text}</pre>
  </details>`;
}
