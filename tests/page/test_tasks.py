"""The list of tasks: it lives without jumping, its filters are links, and many are acted on at once."""

import re

from playwright.sync_api import Locator, expect

from tests.page.browser import Tab
from tests.page.system import System

MARKUP = "<img src=x onerror=alert(1)><b>bold</b>"


def row(tab: Tab, task_id: str) -> Locator:
    """The row that opens the task."""
    return tab.page.locator("tr", has=tab.page.locator(f'a[href="#/tasks/{task_id}"]'))


def test_a_row_follows_its_task_from_the_queue_to_its_end(tab: Tab, system: System) -> None:
    system.change("Act", paused=True)
    told = system.submit("tell", percent=40, stage="halfway", path=str(system.formation.file("told")))
    tab.open("tasks")
    mine = row(tab, told)
    expect(mine).to_contain_text("pending")
    tab.expect_connection("live")
    system.change("Act", paused=False)
    expect(mine).to_contain_text("processing")
    expect(mine).to_contain_text("40 % halfway")
    expect(mine.get_by_role("progressbar")).to_have_attribute("aria-label", "Progress of Act")
    system.release("told")
    expect(mine).to_contain_text("completed")


def test_new_tasks_wait_behind_a_button_and_nothing_jumps(tab: Tab, system: System) -> None:
    first = system.submit()
    tab.open("tasks?type=Act")
    expect(row(tab, first)).to_be_visible()
    tab.expect_connection("live")
    link = row(tab, first).get_by_role("link").first
    link.focus()
    before = row(tab, first).bounding_box()
    others = [system.submit() for _ in range(2)]
    button = tab.page.get_by_role("button", name=re.compile("2 new tasks"))
    expect(button).to_be_visible()
    expect(row(tab, others[0])).to_have_count(0)
    expect(link).to_be_focused()
    after = row(tab, first).bounding_box()
    assert before and after and before["x"] == after["x"]
    button.click()
    expect(row(tab, others[0])).to_be_visible()
    expect(row(tab, others[1])).to_be_visible()


def test_filters_are_links_and_back_works(tab: Tab, system: System) -> None:
    failed, done = system.submit("fail", kind="permanent"), system.submit()
    system.until(failed, "failed")
    system.until(done, "completed")
    tab.open("tasks")
    expect(row(tab, done)).to_be_visible()
    tab.page.get_by_role("navigation", name="Status").get_by_role("link", name=re.compile("failed")).click()
    expect(row(tab, failed)).to_contain_text("no luck")
    expect(row(tab, done)).to_have_count(0)
    tab.page.get_by_label("Type").select_option("Act")
    expect(tab.page).to_have_url(re.compile(r"#/tasks\?status=failed&type=Act$|#/tasks\?type=Act&status=failed$"))
    tab.page.reload()
    expect(row(tab, failed)).to_be_visible()
    expect(row(tab, done)).to_have_count(0)
    tab.page.go_back()
    tab.page.go_back()
    expect(row(tab, done)).to_be_visible()


def test_what_strangers_write_stays_text(tab: Tab, system: System) -> None:
    task = system.submit("fail", kind="permanent", message=MARKUP)
    system.until(task, "failed")
    tab.open("tasks")
    expect(row(tab, task)).to_contain_text(MARKUP)
    tab.open(f"tasks/{task}")
    expect(tab.page.get_by_label("Payload", exact=True)).to_contain_text(MARKUP)
    expect(tab.page.get_by_role("region", name="Why it failed")).to_contain_text(MARKUP)
    assert tab.page.locator("main b").count() == 0


def test_a_task_is_cancelled_by_keyboard_alone(tab: Tab, system: System) -> None:
    system.change("Act", paused=True)
    task = system.submit()
    tab.open("tasks?status=pending")
    expect(row(tab, task)).to_be_visible()
    tab.page.keyboard.press("j")
    expect(row(tab, task).get_by_role("link").first).to_be_focused()
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_role("heading", name="Act", level=1)).to_be_visible()
    button = tab.page.get_by_role("button", name=re.compile("^Cancel Act .{8}$"))
    button.focus()
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator(".task-head")).to_contain_text("cancelled")
    tab.page.keyboard.press("Escape")
    expect(tab.page).to_have_url(re.compile("#/tasks$"))


def test_all_that_match_are_retried_after_the_count_was_said(tab: Tab, system: System) -> None:
    tasks = [system.submit("fail", kind="permanent", message="no disk") for _ in range(3)]
    for task in tasks:
        system.until(task, "failed")
    total = system.call("GET", "/api/tasks?status=failed&type=Act")["total"]
    system.change("Act", paused=True)
    tab.open("tasks?status=failed&type=Act")
    tab.page.get_by_role("button", name=f"Retry all {total} tasks").click()
    dialog = tab.page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"Retry all {total} tasks that match?")
    assert system.call("GET", f"/api/tasks/{tasks[0]}")["status"] == "failed"
    dialog.get_by_role("button", name=f"Retry {total}").click()
    expect(dialog).to_contain_text(f"{total} tasks due again")
    assert {system.call("GET", f"/api/tasks/{task}")["status"] for task in tasks} <= {"scheduled", "pending"}


def test_tasks_are_found_by_what_no_index_knows(tab: Tab, system: System) -> None:
    task = system.submit("fail", kind="permanent", message="no such needle")
    system.until(task, "failed")
    tab.open("tasks?status=failed&error=NEEDLE")
    expect(row(tab, task)).to_be_visible()
    expect(tab.page.locator(".list-head")).to_contain_text("1 task")
    system.change("Act", paused=True)
    tab.page.get_by_role("button", name="Retry all…", exact=True).click()
    dialog = tab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Retry the 1 task that matches?")
    dialog.get_by_role("button", name="Retry 1").click()
    expect(dialog).to_contain_text("1 task due again")


def test_selected_tasks_are_cancelled(tab: Tab, system: System) -> None:
    system.change("Act", paused=True)
    one, two, three = (system.submit() for _ in range(3))
    tab.open("tasks?status=pending")
    for task in (one, two):
        row(tab, task).get_by_role("checkbox").check()
    tab.page.get_by_role("button", name="Cancel 2…").click()
    dialog = tab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Cancel 2 tasks that are selected?")
    dialog.get_by_role("button", name="Cancel 2", exact=True).click()
    expect(tab.page.get_by_role("dialog")).to_contain_text("2 tasks cancelled")
    shown = [system.call("GET", f"/api/tasks/{task}")["status"] for task in (one, two, three)]
    assert shown == ["cancelled", "cancelled", "pending"]


def test_pausing_stands_still_and_going_on_catches_up(tab: Tab, system: System) -> None:
    tab.open("tasks?type=Act")
    tab.expect_connection("live")
    tab.page.keyboard.press("p")
    tab.expect_connection("paused")
    task = system.submit()
    system.until(task, "completed")
    tab.page.keyboard.press("p")
    tab.expect_connection("live")
    expect(tab.page.get_by_role("button", name=re.compile("new task")).or_(row(tab, task))).to_be_visible()


def test_what_has_a_tag_is_found_and_deleted_after_the_count_was_said(tab: Tab, system: System) -> None:
    tagged = [system.submit(options={"tags": ["winter games"]}) for _ in range(2)]
    for task in tagged:
        system.until(task, "completed")
    other = system.submit()
    system.until(other, "completed")
    tab.open("tasks")
    tab.page.get_by_text("More filters").click()
    tab.page.get_by_label("Tag").fill("winter games")
    tab.page.get_by_label("Tag").press("Enter")
    for task in tagged:
        expect(row(tab, task)).to_be_visible()
    expect(row(tab, other)).to_have_count(0)
    tab.page.get_by_role("button", name="Delete ended").click()
    dialog = tab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete all 2 tasks that match?")
    dialog.get_by_role("button", name="Delete 2").click()
    expect(dialog).to_contain_text("2 tasks deleted")
    tab.page.keyboard.press("Escape")
    for task in tagged:
        expect(row(tab, task)).to_contain_text("deleted")
    assert system.call("GET", f"/api/tasks/{other}")["status"] == "completed"
