// The API key: it comes in the link's fragment or from the form, and stays in this tab's session storage.

const NAME = "mindia-tasks-key";
const KEY = /^#key=(.+)$/;

/** Moves a key out of the address, where it would stay in the history; true if there was one. */
export function takeKeyFromAddress() {
  const found = KEY.exec(location.hash);
  if (!found) return false;
  setKey(decodeURIComponent(found[1]));
  history.replaceState(null, "", `${location.pathname}#/`);
  return true;
}

export function getKey() {
  return sessionStorage.getItem(NAME) ?? "";
}

export function setKey(key) {
  sessionStorage.setItem(NAME, key.trim());
}

export function forgetKey() {
  sessionStorage.removeItem(NAME);
}
