"""The states of a region beside the usual one: empty, loading, error, and what was known before a connection broke."""

import re
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Route, expect

from tests.page.browser import Held, NewTab, Tab
from tests.page.system import NEWCOMER_KEY, System


def test_an_empty_list_says_what_to_do(new: NewTab) -> None:
    tab = new(key=NEWCOMER_KEY)
    tab.open("tasks")
    expect(tab.page.get_by_text("No task yet.")).to_be_visible()
    expect(tab.page.get_by_role("link", name="Drop a video")).to_be_visible()
    tab.open("tasks?status=failed")
    expect(tab.page.get_by_text("No task matches.")).to_be_visible()
    tab.page.get_by_role("link", name="Clear the filters").click()
    expect(tab.page).to_have_url(re.compile("#/tasks$"))
    for view in ("failures", "media", "webhooks"):
        tab.open(view)
        expect(tab.page.get_by_role("heading", name=view, level=1)).to_be_attached()  # else it is the one before
        expect(tab.page.locator(".empty")).to_be_visible()


def test_what_is_being_read_is_never_called_empty(tab: Tab) -> None:
    tab.expect_connection("live")  # which reads again what is shown
    read = Held(tab, "**/api/tasks?*")
    tab.open("tasks")
    expect(tab.page.get_by_text("Loading tasks")).to_be_attached()
    expect(tab.page.get_by_text("No task")).to_have_count(0)
    read.release()
    expect(tab.page.locator("[aria-busy=true]")).to_have_count(0)


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (503, "unavailable", "Not available now"),
        (500, "internal_error", "The server failed"),
        (403, "forbidden", "key"),
    ],
)
def test_a_refusal_is_shown_in_its_place_and_can_be_tried_again(tab: Tab, status: int, code: str, said: str) -> None:
    tab.expect_connection("live")  # which reads again what is shown
    tab.expect_request("/api/webhooks$", {"code": code, "title": "No", "detail": "It is not to be had."}, status)
    tab.open("webhooks")
    alert = tab.page.get_by_role("alert")
    expect(alert).to_contain_text(said)
    expect(alert).to_contain_text("It is not to be had.")
    tab.page.unroute_all()
    alert.get_by_role("button", name="Try again").click()
    expect(alert).to_have_count(0)
    tab.expected.append(f"status of {status}")


def test_without_a_connection_what_was_known_stays_with_its_age(tab: Tab, system: System) -> None:
    task = system.submit()
    system.until(task, "completed")
    tab.open("tasks")
    tab.expect_connection("live")
    expect(tab.page.locator(f'a[href="#/tasks/{task}"]')).to_be_visible()
    tab.page.context.set_offline(True)
    expect(tab.page.get_by_role("button", name=re.compile("Connection: lost"))).to_be_visible()
    expect(tab.page.get_by_text(re.compile(r"^as of \d\d:\d\d:\d\d"))).to_be_visible()
    expect(tab.page.locator(f'a[href="#/tasks/{task}"]')).to_be_visible()
    tab.page.context.set_offline(False)
    tab.expect_connection("live")
    expect(tab.page.get_by_text(re.compile("^as of"))).to_have_count(0)
    tab.expected.append("ERR_INTERNET_DISCONNECTED|ERR_NETWORK")


def test_a_read_that_hangs_in_a_lost_connection_holds_nothing_up(tab: Tab, system: System) -> None:
    held: list[Route] = []
    tab.open("tasks")
    tab.expect_connection("live")
    tab.page.route("**/api/tasks?*", lambda route: route.continue_() if held else held.append(route))
    with tab.page.expect_request("**/api/tasks?*"):
        system.submit()
    tab.page.context.set_offline(True)
    expect(tab.page.get_by_role("button", name=re.compile("Connection: lost"))).to_be_visible()
    tab.page.context.set_offline(False)
    total = system.call("GET", "/api/tasks?limit=1")["total"]
    expect(tab.page.locator(".list-head")).to_contain_text(f"{total:,} match")
    tab.expected.append("ERR_INTERNET_DISCONNECTED|ERR_NETWORK")


#: Until the present try has ended, and the next one is some time ahead.
UNTIL_LOST = """async () => {
  const { connection } = await import(document.querySelector("script").src.replace("app.js", "stream.js"));
  do await fetch("livez").then((answer) => answer.text());
  while (connection.state !== "lost" || connection.retryAt <= Date.now());
}"""


def test_a_stream_that_ends_at_once_is_asked_for_less_and_less(new: NewTab) -> None:
    tab = new()
    asked: list[str] = []

    def end(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(body="retry: 1000\n\n", headers={"Content-Type": "text/event-stream"})

    tab.page.clock.install()
    tab.page.clock.pause_at(datetime.now() + timedelta(minutes=1))  # else it runs on beside
    tab.page.route("**/api/events", end)
    tab.page.reload()
    for _ in range(12):
        tab.page.clock.run_for(1250)
        tab.page.evaluate(UNTIL_LOST)
    assert 3 <= len(asked) <= 6


def test_a_new_connection_reads_again_what_is_shown(tab: Tab, system: System) -> None:
    system.change("Act", paused=True)
    task = system.submit()
    tab.open(f"tasks/{task}")
    tab.expect_connection("live")
    tab.page.context.set_offline(True)
    expect(tab.page.get_by_role("button", name=re.compile("Connection: lost"))).to_be_visible()
    system.call("POST", f"/api/tasks/{task}/cancel")
    tab.page.context.set_offline(False)
    expect(tab.page.locator(".task-head")).to_contain_text("cancelled")
    tab.expected.append("ERR_INTERNET_DISCONNECTED|ERR_NETWORK")


def test_success_is_of_what_was_tried_to_its_end(tab: Tab) -> None:
    stats = {
        "total": 14,
        "by_status": {"pending": 8, "scheduled": 0, "processing": 1, "completed": 3, "failed": 1, "cancelled": 1},
        "by_type": {},
        "average_duration_seconds": 2.0,
        "success_rate": 3 / 14,
    }
    tab.page.route("**/api/tasks/stats*", lambda route: route.fulfill(json=stats))
    tab.open("overview")
    expect(tab.page.locator(".tiles li", has_text="success")).to_contain_text("75 %")
