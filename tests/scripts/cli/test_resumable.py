"""``mindia upload`` of large files: pieces that survive broken connections, Ctrl-C, and the end of the program."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from broker.broker import Broker
from scripts.cli.resumable import Resumable
from tests.breaking import Breaking, breaking
from tests.gateway.media import MP4
from tests.scripts.cli.conftest import Mindia

LARGE = MP4 + bytes(90_000 - len(MP4))


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is large here is small enough for the gateway of these tests."""
    monkeypatch.setattr("scripts.cli.commands.upload.LARGE", 40_000)
    monkeypatch.setattr("scripts.cli.resumable.PIECE", 40_000)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.write_bytes(LARGE)
    return path


@pytest.fixture
def broken(url: str) -> Iterator[Breaking]:
    with breaking(int(url.rpartition(":")[2])) as proxy:
        yield proxy


def half_done(folder: Path) -> list[Path]:
    return list((folder / "mindia").glob("upload-*.json"))


def source_of(url: str, media: dict[str, str]) -> bytes:
    return requests.get(url + media["source_url"], timeout=30).content


def test_a_connection_that_breaks_costs_no_more_than_a_piece(
    mindia: Mindia, broken: Breaking, film: Path, broker: Broker, tmp_path: Path
) -> None:
    broken.cuts, broken.lost = [30_000, 60_000], 1
    said = mindia("upload", film, "--tag", "a", "--tag", "b", "--json", "--url", broken.url)
    media = json.loads(said.out)
    assert (said.status, broken.cuts, broken.broken) == (0, [], 3)
    assert (media["filename"], media["size"], media["tags"]) == ("film.mp4", len(LARGE), ["a", "b"])
    assert source_of(broken.url, media) == LARGE
    assert broker.tasks.get("ops", media["task_id"]).tags == ["a", "b"]
    assert half_done(tmp_path) == []


def test_a_call_that_gave_up_is_gone_on_with_by_the_next(
    mindia: Mindia, broken: Breaking, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.cli.resumable.PATIENCE", 0.0)
    broken.cuts = [60_000]
    said = mindia("upload", film, "--url", broken.url)
    assert said.status == 6
    assert "44 % are there: the same command goes on" in said.err
    assert len(half_done(tmp_path)) == 1
    assert mindia("upload", film, "--group", "other", "--url", broken.url).status == 0  # no part of that one
    before = broken.passed
    again = mindia("upload", film, "--url", broken.url)
    assert again.status == 0
    assert "Going on with film.mp4 at 44 %." in again.err
    assert broken.passed - before < 60_000
    assert half_done(tmp_path) == []
    assert f"{len(LARGE) / 1000:.1f} kB" in again.out


def test_ctrl_c_keeps_what_is_there(mindia: Mindia, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    send, sent = Resumable._send_piece, []

    def pressed(self: Resumable, *arguments: object) -> None:
        if sent:
            raise KeyboardInterrupt
        sent.append(arguments)
        send(self, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Resumable, "_send_piece", pressed)
        said = mindia("upload", film)
    assert said.status == 130
    assert "Stopped at 44 %; the same command goes on." in said.err
    assert "at 44 %" in mindia("upload", film).err


def test_a_file_that_has_changed_begins_anew(
    mindia: Mindia, broken: Breaking, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.cli.resumable.PATIENCE", 0.0)
    broken.cuts = [60_000]
    assert mindia("upload", film, "--url", broken.url).status == 6
    film.write_bytes(LARGE[:-1] + b"x")
    said = mindia("upload", film, "--url", broken.url)
    assert "Going on" not in said.err
    path = f"{broken.url}/api/videos/{said.out.split('  ')[0]}"
    shown = requests.get(path, headers={"Authorization": "Bearer ops-key"}, timeout=30)
    assert source_of(broken.url, shown.json()) == LARGE[:-1] + b"x"


def test_an_upload_that_the_gateway_gave_up_begins_anew(
    mindia: Mindia, broken: Breaking, film: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.cli.resumable.PATIENCE", 0.0)
    broken.cuts = [60_000]
    mindia("upload", film, "--url", broken.url)
    (upload,) = broker.uploads.page("ops", 10, 0)[0]
    with broker.uploads.writer("ops", upload.id) as writer:
        broker.uploads.remove(writer)
    said = mindia("upload", film, "--json", "--url", broken.url)
    assert source_of(broken.url, json.loads(said.out)) == LARGE


def test_what_is_no_such_file_is_refused_at_its_first_piece(mindia: Mindia, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"x" * 90_000)
    said = mindia("upload", path)
    assert said.status == 2
    assert half_done(tmp_path) == []
    path.write_bytes(b"x" * 200_000)
    assert "larger than 100000 bytes" in mindia("upload", path).err


def test_a_key_that_may_only_write_sends_it_whole(
    mindia: Mindia, film: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = json.loads(mindia("keys", "create", "box", "--scope", "write", "--json").out)["key"]
    monkeypatch.setenv("MINDIA_KEY", key)
    media = json.loads(mindia("upload", film, "--json").out)
    assert source_of(url, media) == LARGE


def test_what_is_at_a_url_is_fetched_by_the_gateway(mindia: Mindia, broker: Broker) -> None:
    said = mindia(
        "upload", "https://files.example.com/a/report.pdf?x=1", "--then", "checksum", "--no-embed", "--tag", "a"
    )
    media = said.out.split("  ")
    assert media[1:] == ["document", "report.pdf", "to be fetched\n"]
    assert broker.media.get("ops", media[0]).kind == "document"
    assert mindia("upload", "https://files.example.com/stream").status == 2
    video = json.loads(
        mindia("upload", "https://files.example.com/stream", "--as", "video", "--drop-source", "--json").out
    )
    assert (video["filename"], video["keep_source"], video["size"]) == ("stream", False, None)
    assert "#/url" in mindia("upload", "http://user:word@example.com/a.mp4", "--json").err
