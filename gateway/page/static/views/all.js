// The views by their name in the address. `label` puts one into the navigation.

import * as failures from "./failures.js";
import * as keys from "./keys.js";
import * as media from "./media.js";
import * as missing from "./missing.js";
import * as newTask from "./new.js";
import * as overview from "./overview.js";
import * as plugins from "./plugins.js";
import * as search from "./search.js";
import * as tasks from "./tasks.js";
import * as usage from "./usage.js";
import * as webhooks from "./webhooks.js";
import * as workers from "./workers.js";

export const VIEWS = {
  overview: { ...overview, label: "Overview" },
  tasks: { ...tasks, label: "Tasks" },
  failures: { ...failures, label: "Failures" },
  media: { ...media, label: "Media", also: ["search"] },
  workers: { ...workers, label: "Workers", operator: true },
  usage: { ...usage, label: "Usage", needs: ["GET", "/api/usage"] },
  webhooks: { ...webhooks, label: "Webhooks" },
  plugins: { ...plugins, label: "Plugins", needs: ["GET", "/api/plugins"] },
  keys: { ...keys, label: "Keys", operator: true, needs: ["GET", "/api/keys"] },
  search,
  new: newTask,
  missing,
};
