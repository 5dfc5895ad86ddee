// Plugins: what there is, what each takes, and whose settings it runs with.

import { call } from "../api.js";
import { html, nothing } from "../lit.js";
import { code } from "../parts/action.js";
import { copyButton } from "../parts/copy.js";
import { region } from "../parts/region.js";
import { Resource } from "../resource.js";
import { may } from "../session.js";
import { changeSettings } from "./plugin-form.js";

export const title = "Plugins";
const PATH = "/api/plugins";
const WHOSE = { tenant: "your own settings", operator: "the operator's settings", none: "no settings yet" };

export function open() {
  const plugins = new Resource(async (signal) => {
    return (await call({ path: PATH, signal })).plugins;
  });
  return {
    resources: [plugins],
    draw: () => html`<header class="line spread"><h1>Plugins</h1>${code({ path: PATH }, "Reading the plugins", "Code")}</header>
      ${region(plugins, (all) => table(all, () => plugins.refresh()), {
        label: "plugins", isEmpty: (all) => !all.length, empty: html`<p>No plugin is installed.</p>`,
      })}`,
  };
}

function table(all, again) {
  return html`<table class="cards"><caption class="hidden">Plugins</caption>
    <thead><tr><th scope="col">Plugin</th><th scope="col">Takes</th><th scope="col">Runs with</th><th scope="col"><span class="hidden">Actions</span></th></tr></thead>
    <tbody>${all.map((each) => row(each, again))}</tbody></table>`;
}

function row(plugin, again) {
  const { name, description, media_types: kinds, settings_error: problem } = plugin;
  return html`<tr data-row>
    <th scope="row" data-label="Plugin"><code>${name}</code><div class="muted">${description}</div></th>
    <td data-label="Takes">${kinds.join(", ")}</td>
    <td data-label="Runs with">${problem ?? ready(plugin)}${unable(plugin)}</td>
    <td class="actions">${may("write") && Object.keys(plugin.config_schema.properties ?? {}).length ? html`<button type="button"
      aria-label="Settings of ${name}" @click=${() => changeSettings(plugin, again)}>Settings</button>` : ""}</td></tr>`;
}

/** Why no worker can run it, and what would help; nothing of one that can be run. */
export function unable({ name, runnable, installed_by: extra }) {
  if (runnable) return nothing;
  const command = `.venv/bin/pip install '${extra}'`;
  return html`<div class="unable"><span class="bad">no worker has what it needs</span>
    ${extra ? html`<p class="muted">To install it where they run:</p>
      <p class="copyable"><code>${command}</code>${copyButton(command, `what installs ${name}`)}</p>` : nothing}</div>`;
}

function ready({ enabled, settings, config_schema: schema }) {
  if (!enabled) return html`<span class="bad">settings are missing: ${(schema.required ?? []).filter((each) => !(each in settings.config)).join(", ") || "see what it takes"}</span>`;
  return Object.keys(schema.properties ?? {}).length ? WHOSE[settings.source] : "nothing to set";
}
