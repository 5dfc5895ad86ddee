"""Sources and runs that several tests look at; each is made once."""

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from handlers.transcoding.ffmpeg import binary
from handlers.transcoding.run import transcode
from tests.handlers.transcoding.fake_context import FakeContext

Make = Callable[..., Path]
Transcode = Callable[[Path], FakeContext]


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """``make("name.mp4", *ffmpeg arguments)`` is that file."""
    folder = tmp_path_factory.mktemp("sources")

    def made(name: str, *arguments: str) -> Path:
        # Two files may have one name and be made otherwise.
        path = folder / hashlib.sha256(repr(arguments).encode()).hexdigest()[:16] / name
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            argv = [binary(), "-nostdin", "-v", "fatal", *arguments, str(path)]
            subprocess.run(argv, cwd=folder, check=True, timeout=60)
        return path

    return made


@pytest.fixture
def run(tmp_path: Path) -> Transcode:
    """Transcode a file; the context that comes back tells all."""

    def done(upload: Path) -> FakeContext:
        context = FakeContext(tmp_path, upload)
        context.answer = transcode(context)
        return context

    return done
