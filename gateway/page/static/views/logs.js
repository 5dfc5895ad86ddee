// What a task's handler says, while it says it.

import { call } from "../api.js";
import { count, moment, now } from "../format.js";
import { html, nothing } from "../lit.js";
import { copyButton } from "../parts/copy.js";
import { failure } from "../parts/region.js";
import { Resource } from "../resource.js";
import { has, loadSpec } from "../spec.js";
import { task } from "../store.js";

/** A task that runs is asked again so often. */
const EVERY_MS = 2000;
/** The clocks of the server, its workers and this place may differ by so much; a run's last lines are read after it. */
const SLACK_MS = 5000;
/** Lines of one answer, and as many as are shown: the newest. */
const MOST = 1000;

/** The log of one task; each reading asks for what came since the last. */
export function logsOf(id) {
  let lines = [];
  let removed = 0;
  /** When it was asked for last. */
  let read = 0;
  const resource = new Resource(
    async (signal) => {
      await loadSpec();
      if (!has("GET", "/api/tasks/{task_id}/logs")) return lines;
      if (Date.parse(task(id)?.completed_at) + SLACK_MS < read) return lines; // all of it was said
      const asked = now();
      let page = { next: lines.at(-1)?.id };
      do {
        const query = { limit: MOST, ...(page.next && { after: page.next }) };
        page = await call({ path: `/api/tasks/${encodeURIComponent(id)}/logs`, query, signal });
        lines = [...lines, ...page.lines].slice(-MOST);
        removed = page.removed;
      } while (page.next);
      read = asked;
      return lines;
    },
    { every: EVERY_MS },
  );
  const draw = () => {
    if (!lines.length) return resource.error?.status ? failure(resource.error, () => resource.refresh()) : nothing;
    const text = lines.map(asText).join("\n");
    return html`<details class="panel json copyable" open>
      <summary><h2>Log</h2></summary>
      <div class="over">${copyButton(text, "log")}</div>
      ${removed ? html`<p class="muted">${count(removed)} older lines are not kept any more.</p>` : nothing}
      <pre tabindex="0" role="log" aria-label="Log">${lines.map((each) => html`<span class=${["error", "critical"].includes(each.level) ? "bad" : ""}>${asText(each)}
</span>`)}</pre>
    </details>`;
  };
  return { resource, draw };
}

function asText({ at, attempt, message }) {
  return `${moment(at)}${attempt > 1 ? ` #${attempt}` : ""}  ${message}`;
}
