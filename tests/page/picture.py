"""``make picture``: takes the picture of the page that the README shows, on the system that ``make run`` started.

It uploads videos for two tenants into a slow queue, opens the page of one that waits, and puts everything back.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import sync_playwright

from scripts.demo import Api, make_clip
from scripts.formation.environment import demo_access
from tests.page.browser import ARGUMENTS, CHROMIUM

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "page.png"
QUEUE = "/api/queues/VideoTranscoding"
UPLOADS = {"match-day": 14, "advert": 18}


def main() -> None:
    url, key = demo_access(os.environ)
    operator = Api(url, key)
    access = {"name": "picture", "tenant": "agency", "scopes": ["read", "write"]}
    guest = operator.call("POST", "/api/keys", json=access)
    (queue,) = [each for each in operator.call("GET", "/api/queues")["queues"] if each["type"] == "VideoTranscoding"]
    operator.call("PATCH", QUEUE, json={"rate": 0.2, "burst": 2, "concurrency": 2})
    made: list[tuple[Api, Any]] = []
    try:
        for (name, number), api in zip(UPLOADS.items(), (operator, Api(url, guest["key"])), strict=True):
            made += [(api, video) for video in upload(api, name, number)]
        task = [video["task_id"] for api, video in made if api is operator][-1]
        take(f"{url}/#key={key}", f"{url}/#/tasks/{task}")
    finally:
        for api, video in made:
            api.call("DELETE", f"/api/videos/{video['id']}")
        operator.call("PATCH", QUEUE, json={name: queue[name] for name in ("rate", "burst", "concurrency")})
        operator.call("DELETE", f"/api/keys/{guest['id']}")
    print(f"{PICTURE}: {PICTURE.stat().st_size // 1000} kB")


def upload(api: Api, name: str, number: int) -> list[Any]:
    with TemporaryDirectory() as folder:
        clip = make_clip(Path(folder)).read_bytes()
    return [api.upload("videos", f"{name}-{each + 1:02}.mp4", clip) for each in range(number)]


def take(sign_in: str, address: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 860}, color_scheme="light")
        page.goto(sign_in)
        page.get_by_role("button", name="Connection: live").wait_for()
        page.goto(address)
        page.get_by_text("measured runs").wait_for()  # what the first of them took is known
        page.get_by_role("heading", name="What would help").wait_for()
        page.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    main()
