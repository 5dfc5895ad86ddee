"""A running system as `make run` starts it, without search and dashboard, and a folder as the reader has it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image

from tests.docs.page import blocks
from tests.docs.shell import Shell
from tests.handlers.transcoding.sources import AAC, X264, picture, sound
from tests.servers import own_port
from tests.system.running import REPOSITORY, Run

SHIMS = {"mindia": "-m scripts.cli", "python": "", "python3": ""}
TYPES = "VideoTranscoding PluginExecution Greeting"
#: A receiver of webhooks is on this machine.
ENVIRON = {"WEBHOOKS_ALLOW_PRIVATE": "1", "WORKER_PROCESSES": "2", "WEB_CONCURRENCY": "1"}


@dataclass
class Reader:
    """Where the pages' commands are typed."""

    folder: Path
    url: str

    def shell(self) -> Shell:
        inherited = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        modules = ":".join(map(str, (REPOSITORY, REPOSITORY / "clients" / "python", self.folder)))
        return Shell(self.folder, inherited | {"PATH": path, "PYTHONPATH": modules, "TERM": "dumb", "COLUMNS": "120"})


@pytest.fixture(scope="package")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder, port = tmp_path_factory.mktemp("docs"), own_port()
    _put_files(folder)
    lines = (REPOSITORY / "Procfile").read_text().splitlines()
    kept = [line for line in lines if line.startswith(("web:", "broker:"))]
    (folder / "Procfile").write_text("\n".join([*kept, f"worker: python -m scripts.worker {TYPES}"]) + "\n")
    modules = f"{REPOSITORY}:{folder}"
    run = Run(
        folder,
        {
            "PORT": str(port),
            "PYTHONPATH": modules,
            "TASK_TYPES": "greetings:GREETING",
            # Nobody embeds there, and what waits for ever is a finding of the doctor.
            "EMBED_UPLOADS": "none",
            "PLUGINS": "first_bytes:FirstBytes",
            **ENVIRON,
        },
    )
    try:
        run.wait_until_ready()
        yield Reader(folder, f"http://127.0.0.1:{port}")
    finally:
        run.clean_up()


def _put_files(folder: Path) -> None:
    for page in (REPOSITORY / "docs").glob("*.md"):
        for block in blocks(page):
            if block.file:
                (folder / block.file).write_text(block.text)
    sources = [*picture("320x240", seconds=2), *sound(2)]
    clip = folder / "holiday.mp4"
    subprocess.run([get_ffmpeg_exe(), "-v", "error", *sources, *X264, *AAC, str(clip)], check=True, timeout=60)
    Image.linear_gradient("L").convert("RGB").save(folder / "photo.jpg")
    (folder / "Makefile").write_bytes((REPOSITORY / "Makefile").read_bytes())
    (folder / "clients").symlink_to(REPOSITORY / "clients")
    (folder / "bin").mkdir()
    for name, arguments in SHIMS.items():
        shim = folder / "bin" / name
        shim.write_text(f'#!/bin/sh\nexec {sys.executable} {arguments} "$@"\n')
        shim.chmod(0o755)
