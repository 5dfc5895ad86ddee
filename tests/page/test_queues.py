"""Queues on the page: what they are doing, pausing them, changing their limits."""

import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from tests.page.browser import Held, Tab
from tests.page.system import OPERATOR_KEY, System


def test_a_queue_tells_what_waits_what_runs_and_its_tokens(tab: Tab, system: System) -> None:
    system.change("Limited", paused=True)
    system.call("POST", "/api/tasks", json={"type": "Limited", "payload": {"act": "answer"}})
    held = system.hold("queue")
    system.until(held, "processing")
    limited, act = (tab.page.get_by_role("row", name=re.compile(rf"^{name}\b")) for name in ("Limited", "Act"))
    expect(limited.get_by_role("cell").nth(0)).to_have_text("1")
    expect(limited).to_contain_text("5 of 5 · 20/s")
    expect(limited).to_contain_text("Paused")
    expect(act.get_by_role("cell").nth(3)).to_have_text("1")
    expect(tab.page.get_by_role("row", name=re.compile("processing.*Act"))).to_be_visible()
    system.release("queue")


def test_pausing_asks_first_and_is_undone_by_one_press(tab: Tab, system: System) -> None:
    act = tab.page.get_by_role("row", name=re.compile(r"^Act\b"))
    act.get_by_role("button", name="Pause Act", exact=True).click()
    dialog = tab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Nothing of Act is started until you resume it")
    dialog.get_by_role("button", name="Pause", exact=True).click()
    expect(act).to_contain_text("Paused")
    assert queue(system, "Act")["paused"]
    act.get_by_role("button", name="Resume Act", exact=True).click()
    expect(act).not_to_contain_text("Paused")
    assert not queue(system, "Act")["paused"]


def test_a_limit_is_changed_and_what_is_refused_says_why(tab: Tab, system: System) -> None:
    system.change("Act", rate=None, concurrency=None)
    tab.page.get_by_role("button", name="Limits of Act").click()
    dialog = tab.page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Save")).to_be_disabled()
    dialog.locator("[name=rate]").fill("7.5")
    dialog.locator("[name=concurrency]").fill("3")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    assert (queue(system, "Act")["rate"], queue(system, "Act")["concurrency"]) == (7.5, 3)
    expect(tab.page.get_by_role("row", name=re.compile(r"^Act\b"))).to_contain_text("of 3")
    tab.page.get_by_role("button", name="Limits of Act").click()
    dialog.locator("[name=rate]").fill("99999999999")
    with tab.page.expect_response(lambda answer: answer.request.method == "PATCH") as saved:
        dialog.get_by_role("button", name="Save").click()
    assert saved.value.status == 422
    expect(dialog.get_by_role("alert").last).to_contain_text("Not valid")  # what it would change may be refused before
    expect(dialog.get_by_role("alert")).to_have_count(1)
    tab.expected.append("status of 422")
    system.change("Act", rate=None, concurrency=None)


def test_a_change_is_looked_at_before_it_is_saved(tab: Tab, system: System) -> None:
    system.change("Limited", paused=True)
    system.call("POST", "/api/tasks", json={"type": "Limited", "payload": {"act": "answer"}})
    tab.page.get_by_role("button", name="Limits of Limited").click()
    dialog = tab.page.get_by_role("dialog")
    dialog.locator("[name=rate]").fill("3")
    expect(dialog.get_by_role("row", name=re.compile("^Limited 1 never never"))).to_be_visible()
    assert queue(system, "Limited")["rate"] == 20


def test_limits_that_are_asked_for_before_the_page_knows_them_are_there(tab: Tab) -> None:
    tab.expect_connection("live")
    named = Held(tab, "**/api/openapi.json")
    with tab.page.expect_request("**/api/openapi.json"):
        tab.page.reload()
    tab.page.get_by_role("button", name="Limits of Act").click()
    named.release()
    expect(tab.page.get_by_role("dialog").locator("[name=rate]")).to_be_visible()


def test_who_is_missing_is_said(tab: Tab, system: System) -> None:
    expect(tab.page.get_by_role("alert")).to_contain_text("EmbeddingGeneration")


LANGUAGES = {
    "curl": ["bash", "-c"],
    "Python": [sys.executable, "-c"],
    "JavaScript": ["node", "--input-type=module", "-e"],
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_line_beside_an_action_does_the_same(tab: Tab, system: System, language: str) -> None:
    if not shutil.which(LANGUAGES[language][0]):
        pytest.skip(f"there is no {LANGUAGES[language][0]}: its line was not tried")
    tab.page.get_by_role("button", name="Pause Act as code").click()
    line = tab.page.get_by_label(f"{language} line", exact=True).inner_text()
    assert OPERATOR_KEY not in line
    environ = {**os.environ, "KEY": OPERATOR_KEY, "no_proxy": "*"}
    done = subprocess.run([*LANGUAGES[language], line], env=environ, capture_output=True, text=True, timeout=60)
    assert queue(system, "Act")["paused"], done.stdout + done.stderr


def queue(system: System, name: str) -> dict[str, object]:
    [found] = [each for each in system.call("GET", "/api/queues")["queues"] if each["type"] == name]
    return dict(found)


def test_short_waits_are_told_apart(tab: Tab, system: System) -> None:
    begin = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:00Z")
    row = {"begin": begin, "started": 2, "ended": {"completed": 2, "failed": 0, "cancelled": 0}}
    row |= {"wait": {"p50": 0.0021, "p90": 0.043}, "run": {"p50": 0.25, "p90": 4.0}}
    history = {"step_seconds": 10, "types": [{"type": "Act", "rows": [row]}]}
    tab.expect_request("/api/queues/history$", history)
    tab.page.reload()
    waits = tab.page.get_by_role("img", name=re.compile("^Wait in the last hour"))
    expect(waits).to_have_accessible_name(re.compile("half within: now 2.1 ms.*nine of ten within: now 43 ms"))
    runs = tab.page.get_by_role("img", name=re.compile("^Run in the last hour"))
    expect(runs).to_have_accessible_name(re.compile("half within: now 250 ms.*nine of ten within: now 4.0 s"))
