"""Large files go in pieces: over broken connections, a pause, another tab; and what lies at a URL is fetched."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image
from playwright.sync_api import Locator, Route, expect

from tests.file_server import Files, serving_files
from tests.page.browser import Tab
from tests.page.system import System

MIB = 1024 * 1024
#: Bytes of a piece, where pieces are looked at: each that is held goes through the protocol of the tests in letters.
PIECE = MIB // 4
SIZE = 2 * PIECE + PIECE // 4 + 5


def drawable() -> bytes:
    """A picture that can be shown, whatever stands behind it."""
    out = BytesIO()
    Image.new("L", (64, 64)).save(out, "PNG")
    return out.getvalue()


PNG = drawable()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Three pieces; nobody embeds it here."""
    path = tmp_path / "large.png"
    path.write_bytes(PNG + bytes(SIZE - len(PNG)))
    return path


@pytest.fixture
def files() -> Iterator[Files]:
    with serving_files() as served:
        served.content = PNG
        yield served


class Wire:
    """Between a tab and the gateway: the pieces that went, smaller ones, and whether they get through."""

    def __init__(self, tab: Tab) -> None:
        self.offsets: list[int] = []
        #: How many more pieces do.
        self.left = 1000
        self.checksums: list[str | None] = []
        #: Whether the others hang instead of breaking.
        self.holds = False
        #: Whether the gateway wants them in ten minutes.
        self.refuses = False
        tab.page.route("**/api/uploads/*", self._carry)
        tab.page.route("**/pieces.js", self._cut_smaller)
        tab.page.reload()
        tab.expected.append("ERR_FAILED")

    def _cut_smaller(self, route: Route) -> None:
        program = route.fetch().text()
        assert "LARGE = 8 * 1024 * 1024;" in program
        smaller = program.replace("LARGE = 8 * 1024 * 1024;", f"LARGE = {PIECE};")
        route.fulfill(body=smaller, content_type="text/javascript")

    def _carry(self, route: Route) -> None:
        if route.request.method != "PATCH":
            route.continue_()
            return
        headers = route.request.headers
        if self.left <= 0:
            if self.refuses:
                headers = {"Retry-After": "600", "Content-Type": "application/problem+json"}
                route.fulfill(
                    status=503, headers=headers, json={"status": 503, "code": "crowded", "detail": "Too busy."}
                )
            elif not self.holds:
                route.abort()
            return
        self.left -= 1
        self.offsets.append(int(headers["upload-offset"]))
        self.checksums.append(headers.get("upload-checksum"))
        route.continue_()


def choose(tab: Tab, path: Path) -> Locator:
    tab.open("media")
    tab.page.get_by_label("Choose files").set_input_files(path)
    upload = tab.page.get_by_role("list", name="Uploads").get_by_role("listitem").first
    expect(upload).to_contain_text(path.name)
    return upload


def stored(system: System, path: Path) -> Any:
    """The file that it has become, with the right bytes."""
    image = system.call("GET", "/api/images?limit=1")["images"][0]
    assert (image["filename"], image["size"]) == (path.name, path.stat().st_size)
    assert requests.get(system.url + image["source_url"], timeout=30).content == path.read_bytes()
    return image


def test_a_broken_connection_costs_a_piece_at_most(tab: Tab, system: System, photo: Path) -> None:
    wire = Wire(tab)
    wire.left = 1
    upload = choose(tab, photo)
    expect(upload).to_contain_text("It goes on by itself")
    wire.left = 1000
    expect(upload.get_by_role("link", name="image", exact=True)).to_be_visible()
    assert wire.offsets == [0, PIECE, 2 * PIECE]
    assert all(each and each.startswith("sha256 ") for each in wire.checksums)
    stored(system, photo)


def test_who_does_not_want_to_wait_goes_on_at_once(tab: Tab, system: System, photo: Path) -> None:
    wire = Wire(tab)
    wire.left, wire.refuses = 1, True
    upload = choose(tab, photo)
    expect(upload).to_contain_text("Too busy. It goes on by itself")
    expect(upload).to_contain_text("44 % sent")
    assert tab.axe() == []
    wire.left = 1000
    upload.get_by_role("button", name="Try now: large.png").click()
    expect(upload.get_by_role("link", name="image", exact=True)).to_be_visible()
    stored(system, photo)
    tab.expected.append("status of 503")


def test_it_is_paused_and_goes_on(tab: Tab, system: System, photo: Path) -> None:
    wire = Wire(tab)
    wire.left, wire.holds = 1, True
    with tab.page.expect_request(lambda asked: asked.headers.get("upload-offset") == str(PIECE)):
        upload = choose(tab, photo)
    upload.get_by_role("button", name="Pause large.png").click()
    expect(upload).to_contain_text("paused at")
    wire.left, wire.holds = 1000, False
    upload.get_by_role("button", name="Go on with large.png").click()
    expect(upload.get_by_role("link", name="image", exact=True)).to_be_visible()
    assert wire.offsets == [0, PIECE, 2 * PIECE]
    stored(system, photo)


def test_the_same_file_goes_on_after_the_page_was_left(tab: Tab, system: System, photo: Path) -> None:
    wire = Wire(tab)
    wire.left = 1
    expect(choose(tab, photo)).to_contain_text("It goes on by itself")
    tab.page.reload()
    wire.left = 1000
    upload = choose(tab, photo)
    expect(upload.get_by_role("link", name="image", exact=True)).to_be_visible()
    assert wire.offsets == [0, PIECE, 2 * PIECE]
    stored(system, photo)
    assert tab.page.evaluate("localStorage.getItem('mindia-tasks-uploads')") == "{}"


def test_a_cancelled_one_is_gone(tab: Tab, system: System, photo: Path) -> None:
    wire = Wire(tab)
    wire.left = 1
    upload = choose(tab, photo)
    expect(upload).to_contain_text("It goes on by itself")
    with tab.page.expect_response(lambda answer: answer.request.method == "DELETE") as removed:
        upload.get_by_role("button", name="Cancel large.png").click()
    expect(upload).to_contain_text("nothing is stored")
    left = system.call("GET", "/api/uploads")["uploads"]
    assert not [each for each in left if removed.value.url.endswith(each["id"])]


def test_what_is_no_such_file_is_said_at_its_first_piece(tab: Tab, tmp_path: Path) -> None:
    path = tmp_path / "large.mp4"
    path.write_bytes(bytes(18 * MIB))
    expect(choose(tab, path).get_by_role("alert")).to_contain_text("Not supported")
    tab.expected.append("status of 415")


def test_what_lies_at_a_url_is_fetched(tab: Tab, files: Files, system: System) -> None:
    tab.open("media")
    tab.page.get_by_text("From a URL").click()
    tab.page.get_by_label("URL of a file").fill(f"http://127.0.0.1:{files.port}/far.png")
    assert tab.axe() == []
    tab.page.get_by_role("button", name="Fetch").click()
    upload = tab.page.get_by_role("list", name="Uploads").get_by_role("listitem").first
    expect(upload).to_contain_text("far.png")
    expect(upload.get_by_role("link", name="image", exact=True)).to_be_visible()
    image = system.call("GET", "/api/images?limit=1")["images"][0]
    assert (image["filename"], image["size"]) == ("far.png", None)
    tab.page.get_by_label("URL of a file").fill("http://user:word@127.0.0.1/a.png")
    tab.page.get_by_role("button", name="Fetch").click()
    expect(tab.page.get_by_role("alert")).to_contain_text("Not valid")
    tab.expected.append("status of 422")
    system.call("DELETE", f"/api/images/{image['id']}")  # it has no picture, which others look for


def test_a_page_of_another_origin_uploads(tab: Tab, system: System) -> None:
    """The browser asks first whether it may, without the key."""
    tab.page.goto(f"{system.url.replace('127.0.0.1', 'localhost')}/livez")
    tab.expected.append("a request to ")
    told = tab.page.evaluate(
        """
        async ([url, key, body]) => {
          const own = { Authorization: `Bearer ${key}`, "Tus-Resumable": "1.0.0" };
          const metadata = { "Upload-Metadata": `kind ${btoa("image")},filename ${btoa("other.png")}` };
          const made = await fetch(`${url}/api/uploads`, {
            method: "POST", headers: { ...own, ...metadata, "Upload-Length": body.length } });
          const place = new URL(made.headers.get("Location"), url);
          const sent = await fetch(place, { method: "PATCH", body: Uint8Array.from(body),
            headers: { ...own, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream" } });
          const head = await fetch(place, { method: "HEAD", headers: own });
          const refused = await fetch(`${url}/api/tasks`, { headers: own }).catch((error) => error.name);
          return [made.status, sent.status, head.headers.get("Upload-Offset"), refused];
        }
        """,
        [system.url, "the-key-of-the-operator", list(PNG)],
    )
    assert told == [201, 204, str(len(PNG)), "TypeError"]
    tab.expected += ["blocked by CORS policy", "ERR_FAILED", "status of 401", "status of 404"]  # there is no icon
