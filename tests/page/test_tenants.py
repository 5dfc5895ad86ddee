"""Tenants on the page: who waits for what, weights that are looked at before they are saved, caps of one tenant."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.page.browser import NewTab, Tab
from tests.page.system import OPERATOR_KEY, TENANT_KEY, System


@pytest.fixture
def two_wait(system: System) -> Iterator[None]:
    """Of two tenants, four and two tasks wait for the same slow queue."""
    system.change("Limited", rate=0.05, burst=1, paused=False)
    body = {"type": "Limited", "payload": {"act": "answer"}}
    mine = system.call("POST", "/api/tasks/batch", json={"tasks": [body] * 5})["tasks"]
    system.call("POST", "/api/tasks/batch", TENANT_KEY, json={"tasks": [body] * 2})
    system.until(mine[0]["id"], "completed")
    yield
    system.change("Limited", paused=True)
    for key in (OPERATOR_KEY, TENANT_KEY):
        for task in system.call("GET", "/api/tasks?status=pending&type=Limited", key)["tasks"]:
            system.call("POST", f"/api/tasks/{task['id']}/cancel", key)
    system.change("Limited", rate=20, burst=5, paused=False)
    for name in ("acme", "rival"):
        system.call("PUT", f"/api/tenants/{name}", json={})


def line(tab: Tab, tenant: str) -> Locator:
    return tab.page.get_by_role("row", name=re.compile(f"^Limited {tenant}"))


def test_who_waits_for_the_same_queue_is_seen_and_a_weight_tried_before_it_is_saved(
    tab: Tab, system: System, two_wait: None
) -> None:
    expect(line(tab, "acme")).to_contain_text("50 % · weight 1")
    expect(line(tab, "rival").get_by_role("cell").nth(2)).to_have_text("2")
    line(tab, "rival").get_by_role("button", name="Share of rival of Limited").click()
    dialog = tab.page.get_by_role("dialog")
    dialog.get_by_label(re.compile("^Weight")).fill("3")
    expect(dialog.get_by_role("row", name=re.compile("^rival 2"))).to_be_visible()
    assert system.call("GET", "/api/tenants/rival")["weight"] == 1
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    expect(line(tab, "rival")).to_contain_text("75 % · weight 3")
    assert system.call("GET", "/api/tenants/rival")["weight"] == 3


def test_a_tenant_gets_caps_of_its_own_and_loses_them(tab: Tab, system: System, two_wait: None) -> None:
    tab.page.get_by_role("button", name="Share of a tenant").click()
    dialog = tab.page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Save")).to_be_disabled()
    dialog.get_by_label("Tenant").fill("rival")
    dialog.get_by_label("Tenant").blur()
    dialog.get_by_text("Its limits of Limited").click()
    dialog.locator("#cap-Limited-concurrency").select_option("own")
    dialog.get_by_label("Running at the same time, its own").fill("4")
    dialog.locator("#cap-Limited-rate").select_option("no limit")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    caps = system.call("GET", "/api/tenants/rival")["caps"]["Limited"]
    assert (caps["concurrency"], caps["rate"], caps["burst"]) == (4, None, "type")
    line(tab, "rival").get_by_role("button", name="Share of rival of Limited").click()
    expect(dialog.get_by_label("Running at the same time, its own")).to_have_value("4")
    for cap in ("concurrency", "rate"):
        dialog.locator(f"#cap-Limited-{cap}").select_option("as for all")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    assert system.call("GET", "/api/tenants/rival")["caps"] == {}


def test_quotas_are_kept_when_a_share_is_saved_and_changed_where_usage_stands(tab: Tab, system: System) -> None:
    system.call("PUT", "/api/tenants/rival", json={"quotas": {"uploads_per_day": 5, "stored_bytes": None}})
    tab.open("usage?tenant=rival")
    expect(tab.page.get_by_role("row", name=re.compile("^Uploads a day"))).to_contain_text("0 of 5")
    tab.page.get_by_role("button", name="Quotas of rival").click()
    dialog = tab.page.get_by_role("dialog")
    expect(dialog.get_by_label("Uploads a day, its own")).to_have_value("5")
    expect(dialog.locator("#quota-stored_bytes")).to_have_value("null")
    expect(dialog.get_by_role("button", name="Save")).to_be_disabled()
    dialog.get_by_label(re.compile("^Weight")).fill("2")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    kept = system.call("GET", "/api/tenants/rival")
    assert (kept["weight"], kept["quotas"]) == (2, {"uploads_per_day": 5, "stored_bytes": None})
    tab.page.get_by_role("button", name="Quotas of rival").click()
    dialog.get_by_label("Uploads a day, its own").fill("7")
    dialog.locator("#quota-stored_bytes").select_option("as for all")
    dialog.locator("#quota-waiting_tasks").select_option("own")
    dialog.get_by_label("Waiting tasks, its own").fill("3")
    dialog.get_by_role("button", name="Save").click()
    expect(tab.page.get_by_role("row", name=re.compile("^Waiting tasks"))).to_contain_text("0 of 3")
    assert system.call("GET", "/api/tenants/rival")["quotas"] == {"uploads_per_day": 7, "waiting_tasks": 3}
    system.call("PUT", "/api/tenants/rival", json={})


def test_why_a_task_waits_leads_to_what_would_help(tab: Tab, system: System, two_wait: None) -> None:
    (task,) = system.call("GET", "/api/tasks?status=pending&limit=1")["tasks"]
    tab.open(f"tasks/{task['id']}")
    waits = tab.page.get_by_role("region", name="Why it waits")
    expect(waits).to_contain_text(re.compile(r"It starts in .*between \d\d:\d\d:\d\d and \d\d:\d\d:\d\d", re.S))
    expect(waits.get_by_role("listitem").first).to_contain_text("sooner")
    waits.get_by_role("button", name="Limits of Limited").click()
    dialog = tab.page.get_by_role("dialog")
    dialog.locator("[name=rate]").fill("20")
    expect(dialog.get_by_role("row", name=re.compile("^Limited"))).to_be_visible()
    dialog.get_by_role("button", name="Save").click()
    expect(tab.page.locator(".task-head")).to_contain_text("completed")
    expect(tab.page.get_by_text(re.compile(r"^It waited"))).to_be_visible()
    causes = tab.page.get_by_role("list", name="What it waited for")
    expect(causes).to_contain_text("rate limit")


def test_others_shares_are_the_operators_alone(new: NewTab, two_wait: None) -> None:
    tab = new(key=TENANT_KEY)
    expect(tab.page.get_by_role("heading", name="Your tasks")).to_be_visible()
    expect(tab.page.get_by_role("heading", name="Tenants")).to_have_count(0)
    tab.open("tasks?status=pending")
    tab.page.get_by_role("link", name=re.compile("^Limited")).first.click()
    expect(tab.page.get_by_role("region", name="Why it waits")).to_be_visible()
    expect(tab.page.get_by_role("button", name=re.compile("^(Limits|Share)"))).to_have_count(0)
