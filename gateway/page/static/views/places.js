// Where in a file something was found: its moment or page, which lead there, why, and the words.

import { place as clock } from "../format.js";
import { opened } from "../links.js";
import { html, nothing } from "../lit.js";
import { href } from "../route.js";

const MATCHED = { label: "shows", picture: "looks like it", name: "its name", passage: "says", speech: "is said", text: "is written" };
/** Kinds of media that are played from a second on. */
const PLAYED = ["video", "audio"];

/** The address of a file that was found by `q`, at the second of `place` where it has one. */
export function foundAt(kind, id, q, place) {
  return href("media", `${kind}/${id}`, { q, t: PLAYED.includes(kind) ? place?.start : undefined });
}

/** One place of a file {kind, id, filename}, with the words of the query marked. A page opens in the PDF itself. */
export function where({ kind, id, filename }, q, place) {
  const { matched, text, marks, start, page, page_url: opens } = place;
  const moment = page ? `page ${page}` : start === null || start === undefined ? "" : clock(start);
  const seconds = !page && moment && PLAYED.includes(kind);
  const linked = opens ? html`<a href=${opened(opens)} target="_blank" rel="noopener" aria-label="${filename}, ${moment}">${moment}</a>`
    : seconds ? html`<a href=${foundAt(kind, id, q, place)} aria-label="${filename} at ${moment}">${moment}</a>` : moment;
  const why = MATCHED[matched] ?? "";
  return html`<p class="place"><span class="muted">${linked}${moment && why ? ", " : ""}${why}${text ? ": " : ""}</span>${text ? marked(text, marks) : nothing}</p>`;
}

/** Marks count characters, of which one outside the basic plane is one. */
function marked(text, marks) {
  const all = [...text];
  let end = 0;
  const parts = marks.map(([from, until]) => {
    const before = all.slice(end, from).join("");
    end = until;
    return html`${before}<mark>${all.slice(from, until).join("")}</mark>`;
  });
  return html`${parts}${all.slice(end).join("")}`;
}
