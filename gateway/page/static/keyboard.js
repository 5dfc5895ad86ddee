// Keys for what the page does often. Each is a button or a link as well; none works while something is typed.

import { html } from "./lit.js";
import { dialogIsOpen, openDialog } from "./parts/dialog.js";
import { go } from "./route.js";
import { isOperator } from "./session.js";
import { connection, pause, resume } from "./stream.js";

const PLACES = { o: "#/", t: "#/tasks", f: "#/failures", m: "#/media", w: "#/workers", u: "#/usage", h: "#/webhooks", n: "#/new" };
const HELP = [
  ["/", "search"], ["j, k", "next, previous row"], ["Enter", "open the row"], ["x", "select the row"], ["Esc", "close, or back to the list"],
  ["p", "pause or go on with live updates"], ["g o", "overview"], ["g t", "tasks"], ["g f", "failures"], ["g m", "media"],
  ["g w", "workers"], ["g u", "usage"], ["g h", "webhooks"], ["g n", "new task"], ["?", "this list"],
];
let going = false;

export function showHelp() {
  openDialog("Keyboard shortcuts", () => html`<dl class="keys">${HELP.map(([key, what]) => html`<div><dt>${key.split(/(, | )/).map(
    (part) => (part.trim() && part !== ", " ? html`<kbd>${part}</kbd>` : part))}</dt><dd>${what}</dd></div>`)}</dl>`);
}

export function handleKeys(event, view) {
  if (event.ctrlKey || event.metaKey || event.altKey || dialogIsOpen() || typing(event.target)) return;
  const wasGoing = going;
  going = false;
  const done = wasGoing ? goTo(event.key) : press(event.key, view);
  if (done) event.preventDefault();
}

function goTo(key) {
  if (!PLACES[key] || (key === "w" && !isOperator())) return false;
  go(PLACES[key]);
  return true;
}

function press(key, view) {
  switch (key) {
    case "g": return (going = true);
    case "/": return focus("input[type=search]") || (go("#/search"), true);
    case "?": return showHelp(), true;
    case "p": return connection.state === "paused" ? resume() : pause(), true;
    case "j": return step(1);
    case "k": return step(-1);
    case "x": return click("input[type=checkbox]");
    case "Escape": return view?.back ? (go(view.back), true) : false;
    default: return false;
  }
}

/** Moves the focus to the link of the next or previous row. */
function step(by) {
  const links = [...document.querySelectorAll("main [data-row] a[data-open]")];
  const row = document.activeElement?.closest("[data-row]");
  const at = links.findIndex((each) => row?.contains(each));
  const next = links[at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
  return Boolean(next);
}

function click(selector) {
  const found = document.activeElement?.closest("[data-row]")?.querySelector(selector);
  found?.click();
  return Boolean(found);
}

function focus(selector) {
  const found = [...document.querySelectorAll(`main ${selector}`), ...document.querySelectorAll(selector)].find((each) => each.checkVisibility());
  found?.focus();
  return Boolean(found);
}

function typing(target) {
  return target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName) && target.type !== "checkbox";
}
