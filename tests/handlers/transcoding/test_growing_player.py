"""Guards what a viewer has of a video that is being made: hls.js begins, goes on as it grows, and reaches its end."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from playwright.sync_api import Page

from handlers.transcoding import ranges
from handlers.transcoding.run import transcode
from tests.handlers.transcoding.conftest import Make
from tests.handlers.transcoding.fake_context import FakeContext
from tests.handlers.transcoding.player import playing
from tests.handlers.transcoding.sources import AAC, X264, picture, sound
from tests.page.browser import CHROMIUM

#: Three segments and a short one.
SECONDS = 20
#: What a run waits before, in seconds, on a machine that is busy with other things.
PATIENCE = 60


class Held:
    """A run in a thread that waits before it stores certain segments, until it is told to go on."""

    def __init__(self, context: FakeContext, *segments: str) -> None:
        self._gates = {name: (Event(), Event()) for name in segments}
        self._put, self._errors = context.storage.put, list[BaseException]()
        context.storage.put = self._hold  # type: ignore[method-assign]
        self._thread = Thread(target=self._run, args=(context,))

    def _hold(self, key: str, source: Any) -> int:
        for name, (reached, go_on) in self._gates.items():
            if key.endswith(name):
                reached.set()
                go_on.wait(PATIENCE)
        return self._put(key, source)

    def _run(self, context: FakeContext) -> None:
        try:
            transcode(context)  # type: ignore[arg-type]
        except BaseException as error:
            self._errors.append(error)

    @contextmanager
    def running(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            for _, go_on in self._gates.values():
                go_on.set()
            self.end()

    def reaches(self, name: str) -> None:
        assert self._gates[name][0].wait(PATIENCE), f"{name} was not made: {self._errors}"

    def goes_on(self, name: str) -> None:
        self._gates[name][1].set()

    def end(self) -> None:
        self._thread.join(PATIENCE)
        assert not self._errors


def plays_to(page: Page, seconds: float) -> None:
    page.wait_for_function("(seconds) => video.currentTime >= seconds", arg=seconds)


def asks_for_news(page: Page) -> None:
    """A player does so every six seconds."""
    page.clock.fast_forward(6_000)


@pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium")
def test_it_plays_on_as_it_grows(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "_SEGMENTS", 1)
    upload = make("grows.mp4", *picture("640x480", "10", SECONDS), *sound(SECONDS), *X264, *AAC)
    context = FakeContext(tmp_path, upload)
    first, second = "360p/seg_00001.m4s", "360p/seg_00002.m4s"
    run = Held(context, first, second)
    with run.running():
        run.reaches(first)
        with playing(context.hls, clock=True) as page:
            page.evaluate("async () => { video.playbackRate = 8; window.same = true; await video.play(); }")
            plays_to(page, 5)
            assert page.evaluate("() => hls.latestLevelDetails.live")
            run.goes_on(first)
            run.reaches(second)
            asks_for_news(page)
            plays_to(page, 11)
            run.goes_on(second)
            run.end()
            asks_for_news(page)
            page.wait_for_function("() => video.ended")
            found = page.evaluate(
                "() => [same, fatal, video.duration, video.getVideoPlaybackQuality().totalVideoFrames]"
            )
    assert found == [True, [], pytest.approx(SECONDS, abs=0.05), 10 * SECONDS]
