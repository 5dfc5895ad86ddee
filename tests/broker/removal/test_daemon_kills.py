"""The daemon itself, killed while it removes a large video, and the one that is started in its place."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from broker.config import BrokerSettings
from broker.media import paths
from tests.broker.removal.library import Library

_FILES = 6_000


@pytest.fixture
def start_daemon(settings: BrokerSettings) -> Iterator[Callable[[], "subprocess.Popen[bytes]"]]:
    started = []
    environ = {
        "PATH": os.environ["PATH"],
        "REDIS_URL": settings.redis_url,
        "STORAGE_URL": f"file://{settings.data_dir.parent / 'media'}",
    }

    def start() -> "subprocess.Popen[bytes]":
        started.append(subprocess.Popen([sys.executable, "-m", "broker"], env=environ))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.005)


def test_what_one_has_begun_the_next_ends(
    library: Library, start_daemon: Callable[[], "subprocess.Popen[bytes]"]
) -> None:
    record = library.upload()
    task_id = library.plugin_task(record)
    library.put(paths.hls("acme", record.id, "360p/0.m4s"))
    folder = library.broker.settings.data_dir.parent / "media" / paths.hls("acme", record.id, "360p")
    for number in range(1, _FILES):
        (folder / f"{number}.m4s").touch()
    assert library.broker.transitions.delete_media(record.id, "acme", "video")  # and its gateway died
    first = start_daemon()
    wait_until(lambda: len(os.listdir(folder)) < _FILES)
    first.send_signal(signal.SIGKILL)
    first.wait()
    left = len(os.listdir(folder))
    assert 0 < left < _FILES, "killed in the middle"
    library.pass_time(61)  # for which the dead one held it
    second = start_daemon()
    wait_until(lambda: not folder.parent.parent.exists())
    wait_until(lambda: library.status(task_id) == "cancelled")
    second.send_signal(signal.SIGTERM)
    assert second.wait(20) == 0
