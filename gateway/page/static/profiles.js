// The profiles of videos that this gateway has, the operator's included.

import { call } from "./api.js";
import { Resource } from "./resource.js";
import { has, loadSpec } from "./spec.js";

const PATH = "/api/profiles";

/** Read whenever a view is opened that offers them. */
export const profiles = new Resource(async (signal) => {
  await loadSpec();
  return has("GET", PATH) ? call({ path: PATH, signal }) : { profiles: [] };
});
