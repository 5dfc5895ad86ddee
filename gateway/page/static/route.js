// The address is the only state of a view: #/<view>/<id>?<filters>. A fragment is never sent to a server.

/** The view that the address names: {name, id, query}, the latter a plain object of its filters. */
export function route() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...id] = path.split("/").map(decodeURIComponent);
  return { name: name || "overview", id: id.join("/"), query: Object.fromEntries(new URLSearchParams(query)) };
}

/** The address of a view; filters that are empty are left out. */
export function href(name, id = "", query = {}) {
  const set = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const tail = set.length ? `?${new URLSearchParams(set)}` : "";
  return `#/${name}${id ? `/${id.split("/").map(encodeURIComponent).join("/")}` : ""}${tail}`;
}

export function go(address) {
  location.hash = address;
}

/** Changes the address without a new entry in the history: a filter that is being typed. */
export function goQuietly(address) {
  history.replaceState(null, "", address);
  dispatchEvent(new HashChangeEvent("hashchange"));
}
