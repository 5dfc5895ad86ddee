"""Files that are dropped, by the browser's own drag and drop: anywhere on the page, and many at once."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.page.browser import Tab
from tests.page.conftest import Made
from tests.page.system import System


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "dropped.png"
    Image.linear_gradient("L").save(path)
    return path


class Hand:
    """Holds files over a tab, as a file manager does."""

    def __init__(self, tab: Tab, *paths: Path) -> None:
        self._page = tab.page
        self._session = tab.page.context.new_cdp_session(tab.page)
        self._data = {"items": [], "files": [str(each) for each in paths], "dragOperationsMask": 1}

    def _send(self, type: str, x: int = 640, y: int = 600) -> None:
        event: dict[str, Any] = {"type": type, "x": x, "y": y, "data": self._data}
        self._session.send("Input.dispatchDragEvent", event)

    def hold(self) -> None:
        self._send("dragEnter")
        self._send("dragOver")

    def leave(self) -> None:
        """As the browser says it; its protocol for tests has no way to."""
        self._page.evaluate("document.body.dispatchEvent(new DragEvent('dragleave', {bubbles: true}))")

    def drop(self) -> None:
        self.hold()
        self._send("drop")


@pytest.mark.parametrize("view", ["", "tasks", "search"])
def test_what_is_dropped_on_any_view_is_uploaded(tab: Tab, system: System, photo: Path, view: str) -> None:
    tab.open(view)
    tab.expect_connection("live")
    hand, opened = Hand(tab, photo), len(tab.page.context.pages)
    hand.hold()
    expect(tab.page.get_by_text("Drop to upload")).to_be_visible()
    hand.leave()
    expect(tab.page.get_by_text("Drop to upload")).to_have_count(0)
    hand.drop()
    upload = tab.page.get_by_role("list", name="Uploads").get_by_role("listitem").first
    expect(upload).to_contain_text("dropped.png")
    expect(upload.get_by_role("link", name="image", exact=True)).to_be_visible()
    expect(tab.page.get_by_role("link", name="Images")).to_have_attribute("aria-current", "true")
    expect(tab.page.get_by_text("Drop to upload")).to_have_count(0)
    assert len(tab.page.context.pages) == opened  # the browser opens what a page does not take
    (image,) = system.call("GET", "/api/images?limit=1")["images"]
    assert image["filename"] == "dropped.png"
    system.call("DELETE", f"/api/images/{image['id']}")
    tab.expected.append("status of 404")  # it is shown meanwhile


def test_what_is_dropped_while_something_is_asked_is_not_taken(tab: Tab, photo: Path) -> None:
    tab.expect_connection("live")
    tab.page.get_by_role("button", name="Account acme").click()
    Hand(tab, photo).drop()
    expect(tab.page.get_by_role("dialog")).to_be_visible()
    tab.open("media")
    expect(tab.page.get_by_role("heading", name="Media")).to_be_attached()
    expect(tab.page.get_by_role("list", name="Uploads")).to_have_count(0)


def test_the_first_page_says_where_to_begin(tab: Tab, made: Made, running: System) -> None:
    counts = running.call("GET", "/api/tasks/stats")
    tab.expect_request("/api/tasks/stats$", counts | {"total": 0, "by_status": {}})
    tab.page.reload()
    expect(tab.page.get_by_text("anywhere on this page")).to_be_visible()
    assert tab.axe() == []
    tab.page.get_by_role("link", name="Upload files").click()
    expect(tab.page.get_by_label("Choose files")).to_be_attached()


def test_many_uploads_leave_room_for_what_they_made(tab: Tab, system: System, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(12)]
    for path in paths:
        Image.linear_gradient("L").save(path)
    tab.open("media")
    tab.expect_connection("live")
    Hand(tab, *paths).drop()
    uploads = tab.page.get_by_role("list", name="Uploads")
    expect(uploads.get_by_role("link", name="image", exact=True)).to_have_count(12)
    assert uploads.evaluate("(list) => list.clientHeight <= 340 && list.scrollHeight > list.clientHeight")
    expect(tab.page.get_by_role("link", name="Images")).to_have_attribute("aria-current", "true")
    expect(tab.page.get_by_text("0 of 12 uploads done")).to_be_visible()
    assert tab.axe() == []
    for image in system.call("GET", "/api/images?limit=20")["images"]:
        if image["filename"] in {path.name for path in paths}:
            system.call("POST", f"/api/tasks/{image['task_id']}/cancel")
    tab.page.get_by_role("button", name="Clear those that are done").click()
    expect(uploads.get_by_role("listitem")).not_to_have_count(12)
    for image in system.call("GET", "/api/images?limit=20")["images"]:
        if image["filename"] in {path.name for path in paths}:
            system.call("DELETE", f"/api/images/{image['id']}")
    # They are shown meanwhile; and twelve at once may wait too long to be drawn small, and are shown whole.
    tab.expected.append("status of (404|503)")
