"""A video that is really transcoded, once for all tests: eight seconds, two segments, with sound."""

import subprocess
from pathlib import Path

from broker.broker import Broker
from broker.media import paths
from handlers.transcoding.ffmpeg import binary
from handlers.transcoding.run import transcode
from tests.handlers.transcoding.fake_context import FakeContext
from tests.handlers.transcoding.sources import AAC, X264, picture, sound

SECONDS, RATE = 8, 25


def make(folder: Path) -> FakeContext:
    """What came of it."""
    clip = folder / "clip.mp4"
    argv = [binary(), "-v", "error", *picture("128x72", str(RATE), SECONDS), *sound(SECONDS), *X264, *AAC, str(clip)]
    subprocess.run(argv, check=True, timeout=60)
    context = FakeContext(folder, clip)
    context.answer = transcode(context)
    return context


def store(broker: Broker, video_id: str, stream: Path, version: str = "") -> None:
    """Put it where the gateway finds it, as a video of ``acme``."""
    for file in sorted(stream.rglob("*")):
        if file.is_file():
            broker.storage.put_file(paths.hls("acme", video_id, f"{version}{file.relative_to(stream)}"), file)
