// An address that names no view.

import { html } from "../lit.js";

export const title = "Not found";

export function open() {
  return {
    resources: [],
    draw: () => html`<h1>There is no such page</h1><p><a href="#/">To the overview</a></p>`,
  };
}
