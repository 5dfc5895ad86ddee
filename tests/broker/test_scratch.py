"""Guards the folders of runs: one in use is never removed, one that nobody uses does not stay."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from broker.scratch import PREFIX, Scratch, sweep


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_goes_with_all_that_is_in_it(folder: Path) -> None:
    scratch = Scratch()
    assert scratch.path.parent == folder
    (scratch.path / "deep").mkdir()
    (scratch.path / "deep" / "file").write_bytes(b"x")
    scratch.close()
    assert list(folder.iterdir()) == []


def test_a_folder_in_use_stays() -> None:
    scratch = Scratch()
    sweep()
    assert scratch.path.is_dir()
    scratch.close()


def test_the_folder_of_a_dead_process_is_removed(folder: Path) -> None:
    script = "from broker.scratch import Scratch; import os; (Scratch().path / 'film').write_text('x'); os._exit(1)"
    subprocess.run([sys.executable, "-c", script], env={**os.environ, "TMPDIR": str(folder)}, check=False)
    (left,) = folder.iterdir()
    assert (left / "film").exists()
    sweep()
    assert list(folder.iterdir()) == []


def test_what_is_not_ours_stays(folder: Path) -> None:
    (folder / "else").mkdir()
    (folder / f"{PREFIX}file").write_bytes(b"")
    (folder / f"{PREFIX}link").symlink_to(folder / "else", target_is_directory=True)
    sweep()
    assert {path.name for path in folder.iterdir()} == {"else", f"{PREFIX}file", f"{PREFIX}link"}


def test_a_folder_that_is_swept_before_it_is_locked_is_made_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def mkdtemp(prefix: str) -> str:
        path = folder / f"{prefix}{len(made)}"
        path.mkdir()
        made.append(str(path))
        return str(path)

    opened = os.open

    def sweeping_open(path: Path, flags: int) -> int:
        if len(made) == 1:
            monkeypatch.setattr(os, "open", opened)
            sweep()
            path.mkdir()  # so that there is something to open, which is another folder a moment later
            found = opened(path, flags)
            path.rmdir()
            return found
        return opened(path, flags)

    monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)
    monkeypatch.setattr(os, "open", sweeping_open)
    scratch = Scratch()
    assert (str(scratch.path), scratch.path.is_dir()) == (made[1], True)
    scratch.close()
