"""``make demo``: the running system at work on real media: a video becomes a stream, photographs become searchable,
a plugin answers. Exit status 0 only when all of it worked."""

import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urljoin

import requests
from imageio_ffmpeg import get_ffmpeg_exe

from broker.status import TERMINAL
from scripts.formation.environment import demo_access

_POLL_SECONDS = 0.25
_PATIENCE_SECONDS = 300


class DemoFailed(Exception):
    """A step did not do what it should."""


class Api:
    """The HTTP API as any client sees it."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {key}"

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The JSON answer. Raises ``DemoFailed`` with the problem's own words."""
        try:
            answer = self._session.request(method, self.url + path, timeout=60, **options)
        except requests.ConnectionError as error:
            raise DemoFailed(f"nothing answers at {self.url}: start it with `make run` in another terminal") from error
        if not answer.ok:
            raise DemoFailed(f"{method} {path} answered {answer.status_code}: {answer.text[:300]}")
        return answer.json() if "json" in answer.headers.get("Content-Type", "") else answer.text

    def upload(self, kind: str, name: str, file: Any) -> Any:
        return self.call("POST", f"/api/{kind}", files={"file": (name, file)}, data={"tags": '["demo"]'})


def wait_for(api: Api, task_id: str, label: str) -> Any:
    """Polls a task to its end, drawing a progress bar; returns the task."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    drawn = ""
    while time.monotonic() < deadline:
        task = api.call("GET", f"/api/tasks/{task_id}")
        line = _line(label, task)
        if line != drawn:
            print(f"\r{line}" if sys.stdout.isatty() else line, end="" if sys.stdout.isatty() else "\n", flush=True)
            drawn = line
        if task["status"] in TERMINAL:
            print(end="\n" if sys.stdout.isatty() else "")
            if task["status"] != "completed":
                raise DemoFailed(f"{label}: the task is {task['status']}: {task['error']}")
            return task
        time.sleep(_POLL_SECONDS)
    raise DemoFailed(f"{label}: not done after {_PATIENCE_SECONDS} s")


def _line(label: str, task: Any) -> str:
    progress = task["progress"] or {"percent": 0.0, "stage": ""}
    bar = "█" * round(progress["percent"] / 4)
    return f"  {label:<22} {task['status']:<10} {bar:<25} {progress['percent']:5.1f} %  {progress['stage']:<24}"


def make_clip(folder: Path) -> Path:
    """Six seconds of moving test picture with a tone, made by the bundled ffmpeg."""
    clip = folder / "clip.mp4"
    picture = ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25:duration=6"]
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:duration=6"]
    command = [get_ffmpeg_exe(), "-v", "error", "-y", *picture, *tone, "-c:v", "libx264", "-preset", "ultrafast"]
    subprocess.run([*command, "-pix_fmt", "yuv420p", "-c:a", "aac", str(clip)], check=True, timeout=120)
    return clip


def photographs() -> Iterator[tuple[str, bytes]]:
    """(file name, bytes) of the photographs that scikit-learn ships, under names that tell nothing."""
    spec = find_spec("sklearn")
    if spec is None or spec.origin is None:
        return
    for number, path in enumerate(sorted((Path(spec.origin).parent / "datasets" / "images").glob("*.jpg"))):
        yield f"photo-{number}.jpg", path.read_bytes()


def show_video(api: Api, folder: Path) -> str:
    """Uploads a clip, waits for its stream and reads the stream as a player would; returns the video's id."""
    with make_clip(folder).open("rb") as file:
        video = api.upload("videos", "clip.mp4", file)
    wait_for(api, video["task_id"], "video to HLS")
    video = api.call("GET", f"/api/videos/{video['id']}")
    stream = urljoin(api.url, video["hls_url"])
    playlist = requests.get(stream, timeout=30)  # as a player does: no header, no key
    if not playlist.ok or not playlist.text.startswith("#EXTM3U"):
        raise DemoFailed(f"{stream} is not a playlist")
    print(f"  renditions         {', '.join(each['name'] for each in video['variants'])}")
    print(f"  play it            {stream}")
    return str(video["id"])


def show_search(api: Api) -> None:
    """Uploads photographs and finds one of them by what it shows."""
    ids = {}
    for name, data in photographs():
        image = api.upload("images", name, io.BytesIO(data))
        wait_for(api, image["task_id"], f"embedding {name}")
        ids[image["id"]] = name
    if not ids:
        print("  search             skipped: there are no photographs to show it with (pip install scikit-learn)")
        return
    found = api.call("GET", "/api/search", params={"q": "a flower", "type": "image", "limit": 5})
    for hit in found["results"]:
        print(f"  'a flower'         {hit['similarity']:.3f}  {hit['filename']}")
    if not found["results"] or found["results"][0]["entity_id"] not in ids:
        raise DemoFailed("the search did not find the photographs just uploaded")


def show_plugin(api: Api, media_id: str) -> None:
    """Runs a plugin on the video."""
    task = api.call("POST", "/api/plugins/checksum/execute", json={"media_id": media_id})
    result = wait_for(api, task["id"], "plugin checksum")["result"]
    print(f"  checksum           {result}")


def main() -> int:
    url, key = demo_access(os.environ)
    api = Api(url, key)
    print(f"Mindia Tasks at {url}")
    try:
        with TemporaryDirectory(prefix="mindia-demo-") as folder:
            video_id = show_video(api, Path(folder))
        show_search(api)
        show_plugin(api, video_id)
    except DemoFailed as failure:
        print(f"\ndemo failed: {failure}", file=sys.stderr)
        return 1
    print("all of it worked; the files stay in the library, with the tag demo: delete them there when you like")
    return 0


if __name__ == "__main__":
    sys.exit(main())
