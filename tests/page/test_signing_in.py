"""The key: how it comes in, where it stays, and what is offered without it."""

import re

from playwright.sync_api import expect

from tests.page.browser import NewTab
from tests.page.system import OPERATOR_KEY, TENANT_KEY, System


def test_a_key_in_the_fragment_opens_the_page_and_leaves_the_address(new: NewTab) -> None:
    tab = new()
    expect(tab.page.get_by_role("heading", name="Queues")).to_be_visible()
    assert OPERATOR_KEY not in tab.page.url
    assert not [url for url in tab.requested if OPERATOR_KEY in url]
    tab.page.reload()
    expect(tab.page.get_by_role("heading", name="Queues")).to_be_visible()


def test_without_a_key_there_is_a_form_that_says_why_a_wrong_one_is_refused(new: NewTab) -> None:
    tab = new(key="")
    tab.page.get_by_label("API key").fill("nonsense")
    expect(tab.page.get_by_role("navigation")).to_have_count(0)
    tab.page.get_by_role("button", name="Open").click()
    expect(tab.page.get_by_role("alert")).to_contain_text("This key is not accepted")
    tab.page.get_by_label("API key").fill(OPERATOR_KEY)
    tab.page.get_by_role("button", name="Open").click()
    expect(tab.page.get_by_role("heading", name="Queues")).to_be_visible()
    assert len([url for url in tab.requested if url.endswith("/api/me")]) == 2, "each key is tried once"
    tab.expected.append("status of 401")


def test_a_key_that_is_refused_later_brings_the_form_back(new: NewTab, system: System) -> None:
    tab = new()
    expect(tab.page.get_by_role("heading", name="Queues")).to_be_visible()
    tab.expect_request("/api/tasks", {"title": "Unauthorized", "detail": "No."}, 401)
    tab.open("tasks")
    expect(tab.page.get_by_label("API key")).to_be_visible()
    assert tab.page.evaluate("sessionStorage.length") == 0
    tab.expected.append("status of 401")


def test_who_is_not_the_operator_is_offered_nothing_of_the_operators(new: NewTab) -> None:
    tab = new(key=TENANT_KEY)
    expect(tab.page.get_by_role("heading", name="Your tasks")).to_be_visible()
    expect(tab.page.get_by_role("heading", name="Queues")).to_have_count(0)
    expect(tab.page.get_by_role("link", name="Workers")).to_have_count(0)
    expect(tab.page.get_by_role("button", name=re.compile("Pause|Limits"))).to_have_count(0)
    assert not [url for url in tab.requested if "/api/queues" in url or "/api/workers" in url]
