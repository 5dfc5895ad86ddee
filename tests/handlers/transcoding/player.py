"""hls.js in the system's Chromium on a folder of playlists and segments, as a viewer has it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.handlers.transcoding.web_server import serve
from tests.page.browser import ARGUMENTS, CHROMIUM, PATIENCE_MS

_LIBRARY = (
    Path(__file__).resolve().parents[3] / "gateway" / "page" / "static" / "vendor" / "hls.js-1.7.4" / "hls.min.mjs"
)
_PAGE = """<!doctype html><video muted playsinline></video><script type="module">
import Hls from "./hls.min.mjs";
const video = document.querySelector("video"), hls = new Hls({ enableWorker: false });
Object.assign(window, { hls, video, fatal: [], starts: {} });
hls.on(Hls.Events.ERROR, (_, data) => data.fatal && fatal.push(data.details));
hls.on(Hls.Events.BUFFER_APPENDED, (_, { type, timeRanges }) => {
  if (timeRanges[type]?.length) starts[type] ??= timeRanges[type].start(0);
});
hls.loadSource("./master.m3u8");
hls.attachMedia(video);
hls.on(Hls.Events.MANIFEST_PARSED, () => { window.ready = true; });
</script>"""
_WATCH = """async () => {
  video.playbackRate = 8;
  const over = new Promise((done) => { video.onended = done; setTimeout(done, 15000); });
  await Promise.race([video.play(), over]);
  const change = () => { hls.nextLevel = Math.floor(Math.random() * hls.levels.length); };
  const times = setInterval(() => { if (hls.levels.length > 1) change(); }, 200);
  await over;
  clearInterval(times);
  return {
    fatal, starts, ended: video.ended, duration: video.duration, levels: hls.levels.map((each) => each.height),
    frames: video.getVideoPlaybackQuality().totalVideoFrames, ranges: video.buffered.length,
    width: video.videoWidth,
  };
}"""


@contextmanager
def playing(folder: Path, *, clock: bool = False) -> Iterator[Page]:
    """A page in which ``hls`` has read the folder's master playlist; it is put into the folder, with the library.

    With a ``clock`` its timers can be put forward.
    """
    shutil.copy(_LIBRARY, folder)
    (folder / "index.html").write_text(_PAGE)

    with serve(folder) as url, sync_playwright() as playwright:
        flags = [*ARGUMENTS, "--autoplay-policy=no-user-gesture-required"]
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        try:
            page = browser.new_page()
            page.set_default_timeout(PATIENCE_MS)
            if clock:
                page.clock.install()
            page.goto(f"{url}/index.html")
            page.wait_for_function("() => window.ready || window.fatal?.length")
            yield page
        finally:
            browser.close()


def watched(page: Page) -> dict[str, Any]:
    """Play to the end, with random changes of the rendition: what was seen."""
    found: dict[str, Any] = page.evaluate(_WATCH)
    return found
