"""The daemon itself, killed while it removes a large video, and the one that is started in its place."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from broker.config import BrokerSettings
from broker.media import paths
from tests.broker.removal.library import Library
from tests.waiting import PATIENCE, wait_until

StartDaemon = Callable[[], "subprocess.Popen[bytes]"]
_FILES = 6_000


@pytest.fixture
def start_daemon(settings: BrokerSettings) -> Iterator[StartDaemon]:
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


def left_in(folder: Path) -> int:
    return len(os.listdir(folder)) if folder.exists() else 0


def killed_in_the_middle(library: Library, start_daemon: StartDaemon) -> tuple[Path, str]:
    """The folder of a large video of which a dead daemon has removed a part, and a task of its.

    One that was done before the blow fell, on a busy machine, does not count.
    """
    for _ in range(10):
        record = library.upload()
        task_id = library.plugin_task(record)
        library.put(paths.hls("acme", record.id, "360p/0.m4s"))
        folder = library.broker.settings.data_dir.parent / "media" / paths.hls("acme", record.id, "360p")
        for number in range(1, _FILES):
            (folder / f"{number}.m4s").touch()
        assert library.broker.transitions.delete_media(record.id, "acme", "video")  # and its gateway died
        daemon = start_daemon()
        wait_until(lambda folder=folder: left_in(folder) < _FILES, "it has begun")  # type: ignore[misc]
        daemon.kill()
        daemon.wait()
        if left_in(folder):
            return folder, task_id
    pytest.fail("no daemon was killed in the middle")


def test_what_one_has_begun_the_next_ends(library: Library, start_daemon: StartDaemon) -> None:
    folder, task_id = killed_in_the_middle(library, start_daemon)
    library.pass_time(61)  # for which the dead one held it
    second = start_daemon()
    wait_until(lambda: not folder.parent.parent.exists(), "all files are removed")
    wait_until(lambda: library.status(task_id) == "cancelled", "its task is cancelled")
    second.send_signal(signal.SIGTERM)
    assert second.wait(PATIENCE) == 0
