"""Chromium on a real system. Both are started once for all of these tests, and ended before those of other folders:
Playwright's event loop would be in their way.
"""

import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from broker.search.found import Found, Hit, Place
from broker.search.request import SearchRequest
from tests.broker.worker.harness import Formation
from tests.handlers.transcoding.sources import AAC, X264, picture, sound
from tests.page.browser import ARGUMENTS, CHROMIUM, PATIENCE_MS, NewTab, Tab, new_tab
from tests.page.system import API_KEYS, OPERATOR_KEY, TASK_TYPES, System
from tests.servers import own_port, own_server

WIDE = {"width": 1280, "height": 800}
#: Where in each file the stand-in for search finds what is asked for.
PLACE = Place("speech", 0.5, "a 🙂 ramp of grey", [[4, 8]], start=1.0, end=2.0)


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("page")
    environ = {
        "API_KEYS": API_KEYS,
        "SECRET_KEY": "a secret of the tests",
        "TASK_TYPES": TASK_TYPES,
        "WORKER_PROCESSES": "2",
        "WEBHOOKS_ALLOW_PRIVATE": "1",
    }
    with (
        own_server() as server,
        Formation(folder, f"redis://127.0.0.1:{server.port}/0", **environ) as formation,
    ):
        port = own_port()
        formation.exact_durations = False
        formation.daemon()
        formation.program("worker", "-m", "scripts.worker", "Act", "Limited", "VideoTranscoding", "PluginExecution")
        formation.gateway(port, TASK_TYPES=TASK_TYPES, UPLOAD_ALLOWED_ORIGINS=f"http://localhost:{port}")
        yield System(formation, f"http://127.0.0.1:{port}")


@pytest.fixture(scope="package")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a small video with sound."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    sources = [*picture("320x240", seconds=2), *sound(2)]
    subprocess.run([get_ffmpeg_exe(), "-v", "error", *sources, *X264, *AAC, str(path)], check=True, timeout=60)
    return path


@pytest.fixture(scope="package")
def searcher(running: System) -> Iterator[None]:
    """Stands for a search process, of which the page sees nothing but answers: finds every upload of the test."""

    def answer(request: SearchRequest) -> Found:
        hits: list[Hit] = []
        for kind in ("video", "image"):
            records, _ = running.formation.broker.media.page(request.tenant, kind, 20, 0)
            hits += [Hit(kind, each.id, each.filename, 0.5, places=[asdict(PLACE)]) for each in records]
        return Found(hits[: request.limit], len(hits))

    stop = threading.Event()
    thread = threading.Thread(target=running.formation.broker.search_server.serve, args=(answer, stop))
    thread.start()
    yield
    stop.set()
    thread.join(10)


@dataclass
class Made:
    """One of everything that the page shows, by the name of its id."""

    ids: dict[str, str]

    @staticmethod
    def pattern(text: str) -> re.Pattern[str]:
        return re.compile(text)


@pytest.fixture(scope="package")
def made(running: System, clip: Path, searcher: None) -> Made:
    """A video that plays, an image, a plugin's files, a failed task, and a webhook that was told of it."""
    image = BytesIO()
    Image.linear_gradient("L").convert("RGB").save(image, "PNG")
    video = running.call("POST", "/api/videos", files={"file": ("clip.mp4", clip.read_bytes())})
    picture = running.call("POST", "/api/images", files={"file": ("photo.png", image.getvalue())})
    running.until(video["task_id"], "completed")
    execute = "/api/plugins/thumbnail/execute"
    plugin = running.call("POST", execute, json={"media_id": video["id"]})["id"]
    hook = {"url": "http://127.0.0.1:9/receiver", "events": ["task.failed"], "description": "Tells the desk"}
    webhook = running.call("POST", "/api/webhooks", json=hook)["id"]
    failed = running.submit("fail", kind="permanent", message="no luck with this one")
    running.until(failed, "failed")
    running.until(plugin, "completed")
    path = f"/api/webhooks/{webhook}/deliveries"
    running.formation.until(lambda: running.call("GET", path)["total"], "the webhook was told")
    ids = {"video": video["id"], "image": picture["id"], "plugin": plugin, "failed": failed, "webhook": webhook}
    return Made(ids)


@pytest.fixture
def system(running: System) -> Iterator[System]:
    yield running
    running.clear()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"the page was not tested: there is no {CHROMIUM} (apt-get install chromium)")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def new(browser: Browser, system: System) -> Iterator[NewTab]:
    """Opens tabs, each in a context of its own; at the end nothing was complained of in any but what was expected."""
    tabs: list[Tab] = []

    def make(key: str = OPERATOR_KEY, **options: Any) -> Tab:
        tabs.append(new_tab(browser.new_context(**{"viewport": WIDE, **options}), system.url, key))
        return tabs[-1]

    yield make
    for tab in tabs:
        violations = tab.policy_violations()
        tab.page.context.close()
        assert violations == []
        assert tab.surprises() == []


@pytest.fixture(scope="package")
def visited(browser: Browser, running: System) -> Iterator[BrowserContext]:
    """A context that has the page's files already: to fetch and read them takes most of a test's time.

    One of its tabs stays open, and with it the process of the page's origin, in which its scripts are compiled.
    """
    context = browser.new_context(viewport=WIDE)
    context.new_page().goto(f"{running.url}/livez")
    yield context
    context.close()


@pytest.fixture
def tab(visited: BrowserContext, system: System) -> Iterator[Tab]:
    """The operator's, of which nothing stays but those files."""
    tab = new_tab(visited, system.url, OPERATOR_KEY)
    yield tab
    visited.set_offline(False)
    violations = tab.policy_violations()
    tab.page.evaluate("localStorage.clear()")
    tab.page.close()
    assert violations == []
    assert tab.surprises() == []
