"""What an operator does beside queues and tasks: failures by cause, workers, webhooks, keys, work that is put aside."""

import re

import requests
from playwright.sync_api import expect

from tests.page.browser import NewTab, Tab
from tests.page.conftest import Made
from tests.page.system import NEWCOMER_KEY, System


def test_failures_alike_are_one_line_that_is_retried_as_one_and_resolved(tab: Tab, system: System) -> None:
    alike = [system.submit("fail", kind="permanent", message=f"disk {n} is full at {n} %") for n in (1, 2)]
    for task in alike:
        system.until(task, "failed")
    system.change("Act", paused=True)
    tab.open("failures")
    line = tab.page.get_by_role("row", name=re.compile(r"disk \d is full"))
    expect(line).to_have_count(1)
    line.get_by_role("link", name=re.compile("^2 failures")).click()
    expect(tab.page.get_by_role("heading", name="Tasks", exact=True)).to_be_attached()
    expect(tab.page.locator("tr[data-row]")).to_have_count(2)
    tab.page.go_back()
    line.get_by_role("button", name=re.compile("^Retry: disk")).click()
    dialog = tab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Retry all 2 tasks of this cause?")
    dialog.get_by_role("button", name="Retry 2").click()
    expect(dialog).to_contain_text("2 tasks due again")
    tab.page.keyboard.press("Escape")
    line.get_by_role("button", name=re.compile("^Resolve disk .* as code$")).click()
    expect(dialog.get_by_label("curl line", exact=True)).to_contain_text("/resolve")
    tab.page.keyboard.press("Escape")
    line.get_by_role("button", name=re.compile("^Resolve disk .*%$")).click()
    expect(line).to_have_count(0)
    tab.page.get_by_role("link", name="Resolved").click()
    expect(line).to_have_count(1)


def test_a_cause_names_the_file_that_it_was_about_last(tab: Tab, made: Made) -> None:
    cause = {"id": "00000000-0000-4000-8000-000000000001", "type": "PluginExecution", "message": "It is out of order."}
    cause |= {"state": "open", "count": 2, "task_ids": [made.ids["plugin"]], "regressed_at": None}
    cause |= {"first_at": "2026-01-01T00:00:00Z", "last_at": "2026-01-01T00:00:00Z"}
    tab.expect_request(r"/api/failures\?", {"total": 1, "failures": [cause]})
    tab.open("failures")
    line = tab.page.get_by_role("row", name=re.compile("out of order"))
    expect(line).to_contain_text("last with clip.mp4")
    assert tab.axe() == []
    line.get_by_role("link", name="clip.mp4").click()
    expect(tab.page.get_by_role("heading", name="clip.mp4")).to_be_visible()


def test_what_runs_have_used_is_told_by_type_and_a_tenant_sees_its_own(new: NewTab, made: Made, system: System) -> None:
    tab = new()
    tab.open("usage")
    main = tab.page.get_by_role("main")
    mine = tab.page.get_by_role("row", name=re.compile("^acme VideoTranscoding"))
    expect(mine).to_be_visible()
    used = system.call("GET", "/api/usage?by=type&tenant=acme")
    (row,) = [each for each in used["rows"] if each["type"] == "VideoTranscoding"]
    expect(mine.get_by_role("cell").nth(1)).to_have_text(str(row["runs"]))
    expect(main.get_by_role("img", name=re.compile("Processor time by day"))).to_be_visible()
    tab.page.get_by_label("Whose").select_option("acme")
    expect(tab.page).to_have_url(re.compile("tenant=acme"))
    expect(main).to_contain_text("stored now")
    newcomer = new(key=NEWCOMER_KEY)
    newcomer.open("usage?days=7")
    expect(newcomer.page.get_by_role("main")).to_contain_text("Nothing was run in these days.")
    expect(newcomer.page.get_by_label("Whose")).to_have_count(0)
    expect(newcomer.page.get_by_role("button", name=re.compile("Quotas"))).to_have_count(0)


def test_a_worker_shows_what_it_runs(tab: Tab, system: System) -> None:
    held = system.hold("shown")
    system.until(held, "processing")
    tab.open("workers")
    expect(tab.page.locator(f'a[href="#/tasks/{held}"]')).to_be_visible()
    expect(tab.page.get_by_text("1 of 2 worker processes busy")).to_be_visible()
    system.release("shown")
    expect(tab.page.get_by_text("0 of 2 worker processes busy")).to_be_visible()


def test_a_webhook_is_made_tested_and_deleted(tab: Tab, system: System) -> None:
    tab.open("webhooks")
    tab.page.get_by_role("button", name="New webhook").click()
    dialog = tab.page.get_by_role("dialog")
    dialog.get_by_label("URL").fill("http://127.0.0.1:9/mine")
    dialog.get_by_label("task.cancelled").check()
    dialog.get_by_role("button", name="Create").click()
    expect(dialog).to_contain_text("whsec_")
    dialog.get_by_role("button", name="Done").click()
    tab.page.get_by_role("link", name="http://127.0.0.1:9/mine").click()
    expect(tab.page.get_by_role("main")).to_contain_text("task.cancelled, task.completed, task.failed")
    tab.page.get_by_role("button", name="Send a test", exact=True).click()
    expect(tab.page.get_by_role("row", name=re.compile("no answer"))).to_contain_text("test")
    tab.page.get_by_role("button", name="Delete", exact=True).click()
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(tab.page).to_have_url(re.compile("#/webhooks$"))
    expect(tab.page.locator(".empty").or_(tab.page.get_by_role("columnheader", name="URL"))).to_be_visible()
    expect(tab.page.get_by_role("link", name="http://127.0.0.1:9/mine")).to_have_count(0)


def test_a_key_is_made_shown_once_and_revoked(tab: Tab, system: System) -> None:
    tab.open("keys")
    tab.page.get_by_role("button", name="New key").click()
    dialog = tab.page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("reads for a test")
    dialog.get_by_role("button", name="Create").click()
    key = dialog.locator(".secret code").inner_text()
    headers = {"Authorization": f"Bearer {key}"}
    assert requests.get(f"{system.url}/api/tasks", headers=headers, timeout=30).ok
    dialog.get_by_role("button", name="Done").click()
    line = tab.page.get_by_role("row", name=re.compile("^reads for a test"))
    line.get_by_role("button", name="Revoke reads for a test", exact=True).click()
    dialog.get_by_role("button", name="Revoke").click()
    expect(line).to_have_count(0)
    assert requests.get(f"{system.url}/api/tasks", headers=headers, timeout=30).status_code == 401
    expect(tab.page.get_by_role("row", name=re.compile("key.revoked"))).not_to_have_count(0)


def test_a_key_that_may_only_read_is_offered_nothing_else(new: NewTab, system: System, made: Made) -> None:
    key = system.call("POST", "/api/keys", json={"name": "reader", "scopes": ["read"]})["key"]
    tab = new(key=key)
    tab.open(f"tasks/{made.ids['failed']}")
    expect(tab.page.get_by_role("region", name="Why it failed")).to_be_visible()
    for name in ("Retry", "Replay", "New task"):
        expect(tab.page.get_by_role("button", name=re.compile(f"^{name}"))).to_have_count(0)
        expect(tab.page.get_by_role("link", name=re.compile(f"^{name}"))).to_have_count(0)
    tab.open("media")
    expect(tab.page.get_by_text("clip.mp4").first).to_be_visible()
    expect(tab.page.get_by_label("Choose files")).to_have_count(0)


def test_work_is_put_aside_and_let_go(tab: Tab, system: System) -> None:
    tab.page.get_by_role("button", name="Put work aside").click()
    dialog = tab.page.get_by_role("dialog")
    dialog.get_by_label(re.compile("^type")).select_option("Act")
    dialog.get_by_label("reason").fill("the disk is being replaced")
    dialog.get_by_role("button", name="Put aside").click()
    expect(dialog).to_have_count(0)
    task = system.submit()
    line = tab.page.get_by_role("row", name=re.compile("^the disk is being replaced"))
    expect(line.get_by_role("cell").nth(1)).to_have_text("1")
    line.get_by_role("button", name="Let go the disk is being replaced", exact=True).click()
    expect(line).to_have_count(0)
    system.until(task, "completed")


def test_what_no_worker_can_run_is_not_offered_and_says_what_would_help(tab: Tab, made: Made, system: System) -> None:
    answer = system.call("GET", "/api/plugins")
    for each in answer["plugins"]:
        if each["name"] == "thumbnail":
            each |= {"runnable": False, "installed_by": "mindia-tasks[media]"}
    tab.expect_request("/api/plugins$", answer)
    tab.open("plugins")
    line = tab.page.get_by_role("row", name=re.compile("^thumbnail"))
    expect(line).to_contain_text("no worker has what it needs")
    expect(line.locator("code").last).to_have_text(".venv/bin/pip install 'mindia-tasks[media]'")
    expect(tab.page.get_by_role("row", name=re.compile("^checksum"))).not_to_contain_text("no worker")
    assert tab.axe() == []
    tab.open(f"media/video/{made.ids['video']}")
    run = tab.page.get_by_role("region", name="Run a plugin")
    expect(run.get_by_role("button", name="thumbnail", exact=True)).to_be_disabled()
    expect(run.get_by_role("button", name="checksum", exact=True)).to_be_enabled()
    expect(run.get_by_role("listitem").filter(has_text="mindia-tasks[media]")).to_contain_text("thumbnail")
    assert tab.axe() == []


def test_the_settings_of_a_plugin_are_made_changed_and_forgotten(tab: Tab, system: System) -> None:
    tab.open("plugins")
    line = tab.page.get_by_role("row", name=re.compile("^assembly_ai"))
    expect(line).to_contain_text("settings are missing: api_key")
    assert not [each for each in tab.requested if each.endswith("/config")], "the list has the settings of all"
    line.get_by_role("button", name="Settings of assembly_ai").click()
    dialog = tab.page.get_by_role("dialog")
    secret, language = dialog.get_by_label("api_key"), dialog.get_by_label("language_code")
    expect(secret).to_have_attribute("type", "password")
    tab.expected.append("status of 422")
    secret.fill("has a space")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_contain_text("/config/api_key")
    secret.fill("key-of-an-account")
    dialog.get_by_role("button", name="Save").click()
    expect(line).to_contain_text("your own settings")

    line.get_by_role("button", name="Settings of assembly_ai").click()
    expect(secret).to_have_value("********")
    language.fill("de")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    kept = system.call("GET", "/api/plugins/assembly_ai/config")
    assert (kept["config"], kept["enabled"]) == ({"api_key": "********", "language_code": "de"}, True)

    line.get_by_role("button", name="Settings of assembly_ai").click()
    dialog.get_by_role("button", name="Forget the settings of assembly_ai", exact=True).click()
    expect(line).to_contain_text("settings are missing: api_key")
    assert system.call("GET", "/api/plugins/assembly_ai/config")["source"] == "none"
