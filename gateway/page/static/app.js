// The page: signs in, follows the address, listens, and draws.

import { whenUnauthorized } from "./api.js";
import { takeKeyFromAddress } from "./key.js";
import { handleKeys } from "./keyboard.js";
import { render } from "./lit.js";
import { notice } from "./parts/announce.js";
import { closeDialog, dialogIsOpen } from "./parts/dialog.js";
import { takeDrops } from "./parts/drop-target.js";
import { lookAgain } from "./parts/picture.js";
import { Resource } from "./resource.js";
import { route } from "./route.js";
import { refused, session, signIn } from "./session.js";
import { shell } from "./shell.js";
import { loadSpec } from "./spec.js";
import { apply } from "./store.js";
import { close as closeStream, listen, open as openStream } from "./stream.js";
import { drawWith, update, updateNow } from "./update.js";
import { VIEWS } from "./views/all.js";
import { followAgain, take } from "./views/drop.js";

let view = null;
let shown = "";
/** What the API can is asked for until it is known. */
const api = new Resource(loadSpec);

/** Follows the address: another view is opened, the same one is told its new filters. */
function follow() {
  if (takeKeyFromAddress()) return start();
  if (session.state !== "in") return update();
  const at = route();
  const name = `${at.name}/${at.id}`;
  if (dialogIsOpen()) closeDialog();
  if (view && name === shown) view.change?.(at);
  else {
    leave();
    view = (VIEWS[at.name] ?? VIEWS.missing).open(at);
    shown = name;
    view.resources.forEach((each) => each.start());
    scrollTo(0, 0);
    begin();
  }
  document.title = `${view.title ?? VIEWS[at.name]?.title ?? "Mindia Tasks"} · Mindia Tasks`;
  update();
}

/** Who has come to a view reads it from its beginning, or goes on in the field that it is there for. */
function begin() {
  if (view.first) updateNow();
  const field = view.first && document.querySelector(view.first);
  (field || document.getElementById("main"))?.focus({ preventScroll: true });
}

function leave() {
  view?.resources.forEach((each) => each.stop());
  view?.close?.();
  view = null;
}

async function start() {
  end();
  if (!(await signIn())) return;
  end(); // a view may have been opened before it was known who looks at it
  api.start();
  openStream();
  follow();
}

/** Nothing is read any more with a key that is not in force. */
function end() {
  leave();
  api.stop();
  closeStream();
}

takeKeyFromAddress();
drawWith(() => render(shell(session.state === "in" ? view : null, route()), document.body));
whenUnauthorized(() => {
  end();
  refused();
});
listen({
  event(event) {
    const known = apply(event);
    notice(event);
    view?.event?.(event, known);
  },
  gap() {
    followAgain();
    lookAgain();
    view?.resources.forEach((each) => each.renew());
  },
});
addEventListener("hashchange", follow);
addEventListener("signed-in", start);
document.addEventListener("keydown", (event) => handleKeys(event, view));
takeDrops(take);
update();
start();
