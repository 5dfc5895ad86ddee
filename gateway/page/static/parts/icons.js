// Shapes, so that nothing is told by colour alone. All are decoration: the words beside them are read out.

import { svg } from "../lit.js";

const PATHS = {
  code: svg`<path d="m5.5 4.5-3.5 3.5 3.5 3.5m5-7 3.5 3.5-3.5 3.5" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"/>`,
  copy: svg`<rect x="5.5" y="5.5" width="8" height="8" rx="1.5" fill="none" stroke="currentColor" stroke-width="1.4"/><path d="M3.5 10.5h-1v-8h8v1" fill="none" stroke="currentColor" stroke-width="1.4" stroke-linejoin="round"/>`,
  search: svg`<circle cx="7" cy="7" r="4.3" fill="none" stroke="currentColor" stroke-width="1.6"/><path d="m10.2 10.2 3.6 3.6" stroke="currentColor" stroke-width="1.6" stroke-linecap="round"/>`,
  upload: svg`<path d="M8 11V3m0 0L4.8 6.2M8 3l3.2 3.2M2.5 12.5v1h11v-1" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"/>`,
  film: svg`<rect x="1.8" y="3" width="12.4" height="10" rx="1.6" fill="none" stroke="currentColor" stroke-width="1.4"/><path d="m6.6 5.7 4 2.3-4 2.3z" fill="currentColor"/>`,
  picture: svg`<rect x="1.8" y="3" width="12.4" height="10" rx="1.6" fill="none" stroke="currentColor" stroke-width="1.4"/><circle cx="5.4" cy="6.2" r="1.1" fill="currentColor"/><path d="m2.5 11.5 3.6-3 2.4 2 2.6-3 2.6 3" fill="none" stroke="currentColor" stroke-width="1.3"/>`,
  sound: svg`<path d="M3 6.2v3.6m2.5-6v8.4M8 2v12m2.5-9.6v7.2M13 6.2v3.6" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round"/>`,
  page: svg`<path d="M3.5 1.8h6l3 3v9.4h-9z" fill="none" stroke="currentColor" stroke-width="1.4" stroke-linejoin="round"/><path d="M5.8 7h4.4M5.8 9.3h4.4m-4.4 2.3h2.6" stroke="currentColor" stroke-width="1.2" stroke-linecap="round"/>`,
  warning: svg`<path d="M8 1.8 15 14H1z" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linejoin="round"/><path d="M8 6.2v3.6" stroke="currentColor" stroke-width="1.6" stroke-linecap="round"/><circle cx="8" cy="11.8" r=".9" fill="currentColor"/>`,
  close: svg`<path d="m4 4 8 8m0-8-8 8" stroke="currentColor" stroke-width="1.6" stroke-linecap="round"/>`,
  paused: svg`<path d="M5 3.5v9m6-9v9" stroke="currentColor" stroke-width="2.4" stroke-linecap="round"/>`,
};

export function icon(name) {
  return drawn(PATHS[name]);
}

/** A shape of one's own in the place of an icon, 16 by 16. */
export function drawn(shape) {
  return svg`<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">${shape}</svg>`;
}
