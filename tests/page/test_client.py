"""The JavaScript client in a browser: the same file as in node."""

from pathlib import Path

from tests.page.browser import Tab
from tests.page.system import OPERATOR_KEY, System

CLIENT = Path(__file__).resolve().parents[2] / "clients" / "javascript" / "mindia.js"
PROGRAM = """
async ([url, key]) => {
  const { Client } = await import(`${url}/mindia.js`);
  const client = new Client({ url, key });
  const task = await client.submit("Act", { act: "answer", args: {} });
  const names = [];
  for await (const event of client.watch(task.id)) names.push(event.data.status);
  return [names.at(-1), (await client.wait(task)).id === task.id];
}
"""


def test_a_task_is_submitted_and_watched_to_its_end(tab: Tab, system: System) -> None:
    tab.page.route("**/mindia.js", lambda route: route.fulfill(content_type="text/javascript", path=CLIENT))
    assert tab.page.evaluate(PROGRAM, [system.url, OPERATOR_KEY]) == ["completed", True]
