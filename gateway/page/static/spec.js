// What the API can, from its own document: so the page offers what this gateway has, and asks for what it takes.

import { call } from "./api.js";
import { update } from "./update.js";

let document_ = null;
let asked = null;

/** Reads the document, once; Problem when it is not to be had now. */
export function loadSpec() {
  asked ??= call({ path: "/api/openapi.json" }).then(
    (found) => {
      document_ = found;
      update();
    },
    (problem) => {
      asked = null;
      throw problem;
    },
  );
  return asked;
}

/** The document, or null while it is not there yet. */
export function spec() {
  return document_;
}

/** Whether there is an operation. */
export function has(method, path) {
  return document_?.paths[path]?.[method.toLowerCase()] !== undefined;
}

/** The schema of a query parameter of GET `path`; undefined where it takes none of that name. */
export function parameter(path, name) {
  return document_?.paths[path]?.get?.parameters?.find((each) => each.name === name)?.schema;
}

/** The schema that a reference names, or the schema itself. */
export function resolve(schema) {
  const name = schema?.$ref?.split("/").pop();
  return name ? document_.components.schemas[name] : schema;
}

/** The members of a schema of the document by its name. */
export function members(name) {
  return document_?.components.schemas[name]?.properties ?? {};
}

/** The task types by name. */
export function types() {
  const schema = parameter("/api/tasks", "type");
  return schema?.enum ?? schema?.anyOf?.[0].enum ?? [];
}

/** The schema of a type's payload. */
export function payloadOf(type) {
  return resolve(members("CreateTask").payload?.["x-by-type"]?.[type]);
}
