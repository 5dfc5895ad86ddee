"""Renditions as files, and parts of videos, in a browser: each moment shows the picture that belongs to it."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from tests.handlers.transcoding.sources import AAC, X264, grey, sound
from tests.page.browser import Tab
from tests.page.system import System

SECONDS, START, END = 14, 4.52, 9.0
#: What a picture gets brighter in a second, of 255 levels, and by how many it may be off what it should be.
STEEP, OFF = 15 * 255 / 219, 4
#: Gives a file or a stream to a player, and tells how long it is, how large, and how bright the pictures are: the first
#: one that is seen (the time -1), those at other times that are sought, and after playing on from there the last.
WATCH = """async ({ kind, url, times }) => {
  document.querySelector("#watched")?.remove();
  const video = Object.assign(document.createElement("video"), { id: "watched", muted: true });
  document.body.append(video);
  const ready = new Promise((done, fail) => {
    video.requestVideoFrameCallback(done);
    video.onerror = () => fail(new Error(video.error.message));
    window.failed = fail;
  });
  if (kind === "file") video.src = url;
  else {
    const library = new URL("vendor/hls.js-1.7.4/hls.min.mjs", document.querySelector("script[src$='app.js']").src);
    const { default: Hls } = await import(library);
    const hls = new Hls({ enableWorker: false });
    hls.on(Hls.Events.ERROR, (_, data) => data.fatal && window.failed(new Error(data.details)));
    hls.loadSource(url);
    hls.attachMedia(video);
  }
  await ready;
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true }), seen = [];
  const look = () => {
    canvas.drawImage(video, video.videoWidth / 2, video.videoHeight / 2, 1, 1, 0, 0, 1, 1);
    return [video.currentTime, canvas.getImageData(0, 0, 1, 1).data[0]];
  };
  for (const time of times) {
    if (time >= 0) {
      const sought = new Promise((done) => { video.onseeked = done; });
      const shown = new Promise((done) => video.requestVideoFrameCallback(done));  // later, on a busy machine
      video.currentTime = time;
      await Promise.all([sought, shown]);
    }
    seen.push(look());
  }
  const ended = new Promise((done) => { video.onended = done; });
  await video.play();
  await ended;
  seen.push(look());
  return { duration: video.duration, size: [video.videoWidth, video.videoHeight], seen };
}"""


@pytest.fixture(scope="module")
def film(running: System, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of fourteen seconds, ever brighter: its own pictures, in groups of two seconds, and a smaller rendition."""
    path = Path(tmp_path_factory.mktemp("film")) / "film.mp4"
    sources = [*grey("320x180", "25", SECONDS, "16+15*T"), *sound(SECONDS)]
    argv = [get_ffmpeg_exe(), "-v", "error", *sources, *X264, "-g", "50", *AAC, str(path)]
    subprocess.run(argv, check=True, timeout=60)
    options = {"passthrough": "true", "ladder": "[144, 180]", "embed": "false"}
    video = running.call("POST", "/api/videos", files={"file": (path.name, path.read_bytes())}, data=options)
    running.until(video["task_id"], "completed")
    found: dict[str, Any] = running.call("GET", f"/api/videos/{video['id']}")
    return found


def wrong(found: dict[str, Any], begins: float) -> list[tuple[float, float]]:
    """What was seen that belongs elsewhere in the film: when, and by how much it is too bright."""
    seen = [(at, level - STEEP * (begins + at)) for at, level in found["seen"]]
    return [each for each in seen if abs(each[1]) > OFF]


def test_each_rendition_is_a_file_that_plays_and_so_is_a_part_of_it(tab: Tab, film: dict[str, Any]) -> None:
    """Also of the video's own pictures."""
    tab.open("media")
    assert [each["encoder"] for each in film["variants"]] == ["libx264", "copy"]
    for each in film["variants"]:
        whole = tab.page.evaluate(
            WATCH, {"kind": "file", "url": each["download_url"], "times": [-1, 11.02, 3.02, 13.7]}
        )
        assert (whole["duration"], whole["size"]) == (SECONDS, [each["width"], each["height"]])
        assert wrong(whole, 0.0) == []
        url = f"{each['download_url']}&start={START}&end={END}"
        part = tab.page.evaluate(WATCH, {"kind": "file", "url": url, "times": [-1, 3.02, 1.02, 4.2]})
        # Chromium shows the last picture for as long as those take that are decoded for it and hidden, at most two.
        assert 0 <= part["duration"] - (END - START) < 0.081
        assert part["size"] == whole["size"]
        assert wrong(part | {"seen": part["seen"][:-1]}, START) == []
        assert abs(part["seen"][-1][1] - STEEP * END) < OFF


def test_a_part_of_the_stream_begins_at_its_first_picture(tab: Tab, film: dict[str, Any]) -> None:
    """And has the segments around it."""
    tab.open("media")
    url = f"{film['hls_url']}?start={START}&end={END}"
    part = tab.page.evaluate(WATCH, {"kind": "hls", "url": url, "times": [-1, 3.02, 8.02, 11.7]})
    assert part["seen"][0][0] == pytest.approx(START, abs=0.04)
    assert wrong(part, 0.0) == []
    assert part["duration"] == pytest.approx(12.0, abs=0.05)
