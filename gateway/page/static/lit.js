// The one place that names the version of the template library.
export { html, svg, render, nothing } from "./vendor/lit-html-3.3.3/lit-html.js";
export { repeat } from "./vendor/lit-html-3.3.3/directives/repeat.js";
export { live } from "./vendor/lit-html-3.3.3/directives/live.js";
