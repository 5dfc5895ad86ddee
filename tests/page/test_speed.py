"""As fast with ten thousand tasks as with ten: rows within 300 ms and a frame within 16 on a machine of its own.

Beside a whole suite it has ten times as long, once in several tries, which no page that grows with the tasks keeps to.
"""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.page.browser import NewTab
from tests.page.system import CROWD_KEY, System

MANY = 10_000
BESIDE_A_SUITE = 10
TRIES, FIRST_ROWS_MS, FRAME_MS = 20, 300 * BESIDE_A_SUITE, 16 * BESIDE_A_SUITE
#: From following a link to rows on the screen; then frames while events come in.
_FIRST_ROWS = """
async () => {
  location.hash = "#/nowhere";
  while (document.querySelector("tr[data-row]")) await new Promise(requestAnimationFrame);
  const began = performance.now();
  location.hash = "#/tasks?type=Limited";
  while (!document.querySelector("tr[data-row]")) await new Promise(requestAnimationFrame);
  return performance.now() - began;
}
"""
_DRAW = """
async () => {
  const { updateNow } = await import(document.querySelector("script").src.replace("app.js", "update.js"));
  const began = performance.now();
  updateNow();
  return performance.now() - began;
}
"""


def best(measure: Callable[[], float], enough: float) -> float:
    """The least of so many tries, or the first that is fast enough."""
    least = measure()
    for _ in range(TRIES - 1):
        if least < enough:
            break
        least = min(least, measure())
    return least


def test_ten_thousand_tasks(new: NewTab, system: System) -> None:
    task = {"type": "Limited", "payload": {"act": "answer"}, "delay_seconds": 3600}
    for _ in range(MANY // 1000):
        system.call("POST", "/api/tasks/batch", CROWD_KEY, json={"tasks": [task] * 1000})
    tab = new(key=CROWD_KEY)
    first = best(lambda: tab.page.evaluate(_FIRST_ROWS), FIRST_ROWS_MS)
    expect(tab.page.get_by_text(f"{MANY:,}").first).to_be_visible()
    for _ in range(2):
        tab.page.get_by_role("button", name="more of").click()
    expect(tab.page.locator("tr[data-row]")).to_have_count(150)
    frame = best(lambda: tab.page.evaluate(_DRAW), FRAME_MS)
    print(f"first rows after {first:.0f} ms, 150 rows drawn anew in {frame:.1f} ms")
    assert first < FIRST_ROWS_MS
    assert frame < FRAME_MS
