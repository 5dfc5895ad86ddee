"""A task's own page."""

import re

from playwright.sync_api import expect

from tests.page.browser import Held, NewTab, Tab
from tests.page.conftest import Made
from tests.page.system import System


def test_a_failed_task_tells_its_life_and_what_its_webhooks_were_told(tab: Tab, made: Made) -> None:
    tab.open(f"tasks/{made.ids['failed']}")
    steps = tab.page.get_by_role("list", name="Timeline").get_by_role("listitem")
    expect(steps).to_have_count(3)
    expect(steps.nth(0)).to_contain_text(re.compile(r"created.*\d\d:\d\d:\d\d", re.S))
    expect(steps.nth(2)).to_contain_text(re.compile(r"failed.*\d\d:\d\d:\d\d", re.S))
    expect(tab.page.get_by_role("region", name="Why it failed")).to_contain_text("no luck with this one")
    expect(tab.page.get_by_role("row", name=re.compile("failed no luck with this one"))).to_be_visible()
    expect(tab.page.get_by_role("region", name=re.compile("deliver"))).to_contain_text("http://127.0.0.1:9/receiver")
    expect(tab.page.get_by_label("Payload", exact=True)).to_contain_text('"kind": "permanent"')


def test_what_its_runs_have_used_and_until_when_it_was_to_start_are_among_its_details(
    tab: Tab, made: Made, system: System
) -> None:
    (video,) = system.call("GET", "/api/tasks?type=VideoTranscoding&status=completed&limit=1")["tasks"]
    tab.open(f"tasks/{video['id']}")
    details = tab.page.get_by_role("region", name="Details")
    expect(details).to_contain_text(re.compile(r"Used.*s of processor.*MB of memory.*of media.*read.*written", re.S))
    expect(details).not_to_contain_text("Deadline")
    system.change("Act", paused=True)
    task = system.submit(options={"deadline": "2031-05-06T07:08:09Z"})
    tab.open(f"tasks/{task}")
    expect(details).to_contain_text(re.compile(r"Deadline.*6 May 2031"))
    expect(details).not_to_contain_text("Used")
    tab.open("new?type=Act")
    tab.page.get_by_text("Options", exact=True).click()
    expect(tab.page.get_by_label(re.compile("^deadline"))).to_be_visible()


def test_it_follows_its_task_and_stops_it_after_asking(tab: Tab, system: System) -> None:
    told = system.submit("tell", percent=62.5, stage="encoding", path=str(system.formation.file("never")))
    system.until(told, "processing")
    tab.open(f"tasks/{told}")
    expect(tab.page.get_by_role("main")).to_contain_text("62 % encoding")
    tab.page.get_by_role("button", name=re.compile("^Stop Act .{8}$")).click()
    dialog = tab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Its run is killed")
    dialog.get_by_role("button", name="Stop", exact=True).click()
    expect(tab.page.locator(".task-head")).to_contain_text("cancelled")


def test_it_shows_what_its_handler_says_while_it_runs_and_never_as_markup(tab: Tab, system: System) -> None:
    go = system.formation.file("said")
    task = system.submit("say", lines=["<b>first</b>", "second"], path=str(go))
    system.until(task, "processing")
    tab.open(f"tasks/{task}")
    log = tab.page.get_by_role("log")
    expect(log).to_contain_text(re.compile(r"\d\d:\d\d:\d\d  <b>first</b>.*  second", re.S))
    go.touch()
    expect(tab.page.locator(".task-head")).to_contain_text("completed")
    expect(log).to_contain_text("second")


def test_it_says_why_it_waits_and_what_would_help(tab: Tab, system: System) -> None:
    system.change("Act", paused=True)
    task = system.submit()
    tab.open(f"tasks/{task}")
    waits = tab.page.get_by_role("region", name="Why it waits")
    expect(waits).to_contain_text("Act is paused")
    expect(waits).to_contain_text("resume Act")
    system.change("Act", paused=False)
    expect(tab.page.locator(".task-head")).to_contain_text("completed")
    expect(waits).to_have_count(0)


def test_numbers_that_a_browser_cannot_hold_stay_as_they_are(tab: Tab, system: System) -> None:
    task = system.submit("answer", value=12345678901234567890)
    tab.open(f"tasks/{task}")
    expect(tab.page.get_by_label("Payload", exact=True)).to_contain_text("12345678901234567890")
    expect(tab.page.get_by_label("Result", exact=True)).to_contain_text("12345678901234567890")


def test_a_task_that_is_not_there_is_told_apart_from_a_failure(tab: Tab) -> None:
    tab.open("tasks/550e8400-e29b-41d4-a716-446655440000")
    expect(tab.page.get_by_role("alert")).to_contain_text("Not found")
    tab.expected.append("status of 404")


def test_it_is_replayed_with_another_payload(tab: Tab, system: System) -> None:
    task = system.submit("answer", value="before")
    system.until(task, "completed")
    tab.open(f"tasks/{task}")
    tab.page.get_by_role("link", name="Replay…").click()
    payload = tab.page.get_by_role("group", name="Payload")
    expect(payload.get_by_label("act")).to_have_value("answer")
    payload.get_by_label("args").fill('{"value": "after"}')
    payload.get_by_label("args").blur()
    expect(tab.page.get_by_label("curl line", exact=True)).to_contain_text('"value":"after"')
    tab.page.get_by_role("button", name="Submit").click()
    expect(tab.page.get_by_label("Result", exact=True)).to_have_text('"after"')


def test_a_form_asks_for_what_the_type_takes_and_says_what_is_wrong(tab: Tab, made: Made, running: System) -> None:
    (last,) = running.call("GET", "/api/tasks?type=VideoTranscoding&limit=1")["tasks"]
    tab.open("new?type=VideoTranscoding")
    field = tab.page.get_by_label(re.compile("^video_id"))
    expect(field).to_have_value(last["payload"]["video_id"])
    field.fill("no id")
    tab.page.get_by_role("button", name="Submit").click()
    expect(tab.page.get_by_role("alert")).to_contain_text("Not valid")
    expect(tab.page.get_by_role("alert")).to_contain_text("/payload/video_id")
    tab.expected.append("status of 422")


def test_what_another_tenant_may_not_see_is_not_found(new: NewTab, made: Made) -> None:
    tab = new(key="the-key-of-the-tenant")
    tab.open(f"tasks/{made.ids['failed']}")
    expect(tab.page.get_by_role("alert")).to_contain_text("Not found")
    tab.expected.append("status of 404")


def test_a_new_task_tells_when_it_would_start_and_takes_tags_and_a_time(new: NewTab, system: System) -> None:
    tab = new(timezone_id="UTC")
    system.until(system.submit(), "completed")  # there is a run to learn from
    tab.open("new?type=Act")
    payload = tab.page.get_by_role("group", name="Payload")
    payload.get_by_label("act").fill("answer")
    tab.page.get_by_text("Options", exact=True).click()
    tab.page.get_by_label(re.compile("^tags")).fill("summer games, final")
    tab.page.get_by_label(re.compile("^scheduled_at")).fill("2031-05-06T07:08:09")
    tab.page.get_by_label(re.compile("^scheduled_at")).blur()
    before = system.call("GET", "/api/tasks?limit=1")["total"]
    tab.page.get_by_role("button", name="When would it start?", exact=True).click()
    expect(tab.page.locator(".quote")).to_contain_text(re.compile("It would start|not known|no estimate", re.I))
    assert system.call("GET", "/api/tasks?limit=1")["total"] == before
    tab.page.get_by_role("button", name="Submit").click()
    expect(tab.page.locator(".task-head")).to_contain_text("scheduled")
    expect(tab.page.get_by_role("region", name="Details")).to_contain_text("summer games, final")
    (made,) = system.call("GET", "/api/tasks?limit=1")["tasks"]
    assert (made["tags"], made["scheduled_at"]) == (["summer games", "final"], "2031-05-06T07:08:09.000000Z")


def test_a_task_that_waits_is_made_urgent_and_tagged(tab: Tab, system: System) -> None:
    system.change("Act", paused=True)
    task = system.submit(options={"tags": ["draft"]})
    tab.open(f"tasks/{task}")
    tab.page.get_by_role("button", name="Change…").click()
    dialog = tab.page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Save")).to_be_disabled()
    dialog.get_by_label(re.compile("^priority")).fill("7")
    expect(dialog.get_by_label(re.compile("^tags"))).to_have_value("draft")
    dialog.get_by_label(re.compile("^tags")).fill("final, summer games")
    dialog.get_by_label(re.compile("^tags")).blur()
    dialog.get_by_role("button", name="Save").click()
    expect(tab.page.get_by_role("region", name="Details")).to_contain_text("7 of 10")
    expect(tab.page.get_by_role("region", name="Details")).to_contain_text("final, summer games")
    changed = system.call("GET", f"/api/tasks/{task}")
    assert (changed["priority"], changed["tags"]) == (7, ["final", "summer games"])


def test_what_can_be_changed_is_asked_for_before_the_api_has_named_it(tab: Tab, system: System) -> None:
    system.change("Act", paused=True)
    task = system.submit()
    named = Held(tab, "**/api/openapi.json")
    tab.page.reload()
    tab.open(f"tasks/{task}")
    tab.page.get_by_role("button", name="Change…").click()
    named.release()
    dialog = tab.page.get_by_role("dialog")
    dialog.get_by_label(re.compile("^priority")).fill("7")
    dialog.get_by_role("button", name="Save").click()
    expect(tab.page.get_by_role("region", name="Details")).to_contain_text("7 of 10")
