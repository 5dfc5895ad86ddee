"""Files from addresses that strangers choose: all of it, or an error in words, and nothing private ever."""

import io
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from broker.outbound.download import CannotDownload, Download
from broker.outbound.exchange import Unreachable
from broker.outbound.guard import TargetRefused
from tests.broker.outbound.test_guard import Names
from tests.file_server import Files, serving_files

DATA = Random(3).randbytes(2_000_000)


@pytest.fixture
def files() -> Iterator[Files]:
    with serving_files() as served:
        served.content = DATA
        yield served


def download(url: str, **options: Any) -> bytes:
    into = io.BytesIO()
    size = Download(url, into, **{"max_bytes": 10**7, "seconds": 20, "allow_private": True} | options).run()
    assert size == len(into.getvalue())
    return into.getvalue()


def test_it_is_the_file(files: Files) -> None:
    assert download(files.url) == DATA


def test_what_breaks_off_goes_on_where_it_stopped(files: Files) -> None:
    files.cuts = [700_000, 500_000]
    assert download(files.url) == DATA
    assert files.ranges[0] is None
    starts = [int((each or "").removeprefix("bytes=").rstrip("-")) for each in files.ranges[1:]]
    assert len(starts) == 2
    assert 0 < starts[0] < starts[1] <= 1_200_000


def test_a_file_that_was_changed_meanwhile_is_fetched_anew(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    files.cuts = [700_000]
    tried = Download._try

    def change(self: Download) -> bool:
        if files.ranges:
            files.content, files.tag = b"other", '"two"'
        return tried(self)

    monkeypatch.setattr(Download, "_try", change)
    assert download(files.url) == b"other"


def test_redirects_are_followed_and_each_is_looked_at(files: Files) -> None:
    files.location = "/file.mp4"
    moved = files.url.replace("file.mp4", "moved")
    assert download(moved) == DATA
    files.location = moved
    with pytest.raises(CannotDownload, match="more than 5 times"):
        download(moved)
    for private in ("http://169.254.169.254/latest", "file:///etc/passwd", "http://user:password@example.org/"):
        files.location = private
        with pytest.raises(TargetRefused):
            download(moved, allow_private=private.startswith(("file", "http://user")))


def test_a_redirect_into_the_network_is_refused_before_it_is_called(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first host is public, by its name; where it leads is not."""
    from broker.outbound import guard  # noqa: PLC0415

    monkeypatch.setattr(guard, "is_public", lambda address: address == "127.0.0.1")
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    files.location = "http://inside.example/"
    with pytest.raises(TargetRefused, match="not on the public internet"):
        download(f"http://public.example:{files.port}/moved", allow_private=False, resolve=names)
    assert names.asked == ["public.example", "inside.example"]


@pytest.mark.parametrize("announced", [True, False])
def test_what_is_too_large_is_not_taken(files: Files, announced: bool) -> None:
    files.announces_length = announced
    with pytest.raises(CannotDownload, match="larger than 100000 bytes"):
        download(files.url, max_bytes=100_000)


@pytest.mark.parametrize(("status", "error"), [(404, CannotDownload), (403, CannotDownload), (503, Unreachable)])
def test_errors_are_told_in_words_without_the_url(files: Files, status: int, error: type[Exception]) -> None:
    files.statuses = [status] * 10
    with pytest.raises(error, match=str(status)) as raised:
        download(files.url)
    assert "secret" not in str(raised.value)


def test_a_server_that_is_back_soon_is_asked_again(files: Files) -> None:
    files.statuses = [503, 500]
    assert download(files.url) == DATA
