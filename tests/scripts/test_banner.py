"""What `make run` says of mindia is so: what it prints finds the run."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.cli.access import find_access
from scripts.formation.banner import Place, banner
from scripts.formation.output import Printer, standard_printer


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A run with the data folder that is usual, in a checkout of its own."""
    program = tmp_path / ".venv" / "bin" / "mindia"
    program.parent.mkdir(parents=True)
    program.touch()
    monkeypatch.setattr(sys, "executable", str(program.with_name("python")))
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".data").mkdir()
    (tmp_path / ".data" / "run.lock").write_text("http://127.0.0.1:8123 (process 7)")
    (tmp_path / ".data" / "api_key").write_text("the-key")
    yield Place("http://127.0.0.1:8123", "the-key", "", "", str(tmp_path / ".data"))


def terminal(place: Place) -> str:
    printer: Printer = standard_printer(["run"], {})
    found = [line for line in banner(place, [], 1.0, printer).splitlines() if line.startswith("  terminal")]
    return found[0].partition("terminal")[2].strip() if found else ""


def test_it_is_called_as_it_is_found(place: Place, tmp_path: Path) -> None:
    assert terminal(place) == ".venv/bin/mindia (finds address and key by itself)"
    access = find_access(None, {})
    assert (access.url, access.key) == (place.url, place.api_key)
    other = tmp_path / "my data"
    (tmp_path / ".data").rename(other)
    assert terminal(replace(place, data_dir=str(other))).startswith(f"DATA_DIR='{other}' .venv/bin/mindia")
    assert find_access(None, {"DATA_DIR": str(other)}).key == place.api_key


def test_what_is_told_of_other_tools_is_typed_as_it_stands(place: Place, tmp_path: Path) -> None:
    printer: Printer = standard_printer(["run"], {})
    usual = banner(place, [], 1.0, printer)
    assert "How it stands:  .venv/bin/python -m broker doctor\n" in usual
    assert "RQ's own tools:  make rq ARGS=info\n" in usual
    other = tmp_path / "my data"
    moved = banner(replace(place, data_dir=str(other)), [], 1.0, printer)
    assert f"How it stands:  DATA_DIR='{other}' .venv/bin/python -m broker doctor\n" in moved
    assert f"RQ's own tools:  DATA_DIR='{other}' make rq ARGS=info\n" in moved


@pytest.mark.parametrize("change", [{"api_key": ""}, {"url": "http://192.168.0.7:8123"}])
def test_what_it_would_not_find_is_not_said(place: Place, change: dict[str, str]) -> None:
    assert terminal(replace(place, **change)) == ""


def test_it_is_not_installed(place: Place, tmp_path: Path) -> None:
    (tmp_path / ".venv" / "bin" / "mindia").unlink()
    assert terminal(place) == ""
