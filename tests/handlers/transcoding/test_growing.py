"""Guards playing while a video is made: what is named is stored, what was named stays, the end is a finished ladder."""

import re
import shutil
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from broker.errors import PermanentError, Postpone, TransientError
from handlers.transcoding import encoding, see
from handlers.transcoding.run import transcode
from tests.handlers.transcoding.conftest import Make
from tests.handlers.transcoding.fake_context import HLS, FakeContext
from tests.handlers.transcoding.sources import AAC, X264, picture, sound
from tests.handlers.transcoding.validator import validate

#: Two renditions, three segments and a short one.
SECONDS = 20
PATIENCE = 60.0
_URI = re.compile(r'URI="([^"]*)"')


@pytest.fixture(scope="module", autouse=True)
def _quick() -> Iterator[None]:
    """Nobody looks at the pictures."""
    made = encoding._MADE["libx264"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(encoding._MADE, "libx264", lambda *asked: made(*asked) | {"preset": "ultrafast"})
        yield


@pytest.fixture(scope="module")
def upload(make: Make) -> Path:
    return make("grows.mp4", *picture("640x480", "10", SECONDS), *sound(SECONDS), *X264, *AAC)


class Watched:
    """Looks at the stream after each change of the storage, as a player could."""

    def __init__(self, context: FakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[dict[str, list[str]]] = []
        #: Names as they were stored, one after the other.
        self.order: list[str] = []
        self.context = context
        for name in ("put", "delete"):
            monkeypatch.setattr(context.storage, name, self._then_look(getattr(context.storage, name)))

    def _then_look(self, change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*arguments: Any) -> Any:
            answer = change(*arguments)
            self.order += [arguments[0]] if change.__name__ == "put" else []
            playlists = {name: self._lines(name) for name in self.context.stored() if name.endswith(".m3u8")}
            if not self.seen or playlists != self.seen[-1]:
                self.seen.append(playlists)
                self._check(playlists)
            return answer

        return changed

    def _lines(self, name: str) -> list[str]:
        return (self.context.hls / name).read_text().splitlines()

    def _check(self, playlists: dict[str, list[str]]) -> None:
        stored = set(self.context.stored())
        for name, lines in playlists.items():
            folder = name.rpartition("/")[0]
            uris = [line for line in lines if not line.startswith("#")] + _URI.findall("\n".join(lines))
            named = {f"{folder}/{uri}".lstrip("/") for uri in uris}
            assert named <= stored, f"{name} names {named - stored}, which is not stored"


def names(lines: list[str]) -> list[str]:
    return [line for line in lines if not line.startswith("#")]


@pytest.fixture(scope="module")
def watched(upload: Path, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """A run from its beginning to its end."""
    with pytest.MonkeyPatch.context() as patched:
        context = FakeContext(tmp_path_factory.mktemp("whole"), upload)
        _hold_sound(context, patched)
        watched = Watched(context, patched)
        transcode(context)
    return watched


def _hold_sound(context: FakeContext, patched: pytest.MonkeyPatch) -> None:
    """Its second segment comes when it is told that the first plays: on a busy machine both may be there before."""
    at_once, untold, told = context.storage.put, context.note, Event()

    def put(key: str, source: Any) -> int:
        if key.endswith("audio/seg_00001.m4s"):
            assert told.wait(PATIENCE)
        return at_once(key, source)

    def note(*arguments: Any, **info: Any) -> None:
        untold(*arguments, **info)
        told.set()

    patched.setattr(context.storage, "put", put)
    patched.setattr(context, "note", note)


def test_it_plays_while_it_is_made(watched: Watched) -> None:
    validate(watched.context.hls)
    growing = [
        seen for seen in watched.seen if "master.m3u8" in seen and "#EXT-X-ENDLIST" not in seen["360p/index.m3u8"]
    ]
    pictures = [name for name in watched.order if "p/seg_" in name]
    assert pictures[0].endswith("360p/seg_00000.m4s"), "the smallest rendition comes first"
    assert "360p/index.m3u8" in names(growing[0]["master.m3u8"])
    assert names(growing[0]["360p/index.m3u8"])[0] == "seg_00000.m4s"
    assert set(names(growing[-1]["master.m3u8"])) == {"360p/index.m3u8", "480p/index.m3u8"}
    for seen in growing:
        for folder in ("360p", "480p", "audio"):
            lines = seen.get(f"{folder}/index.m3u8", [])
            assert (
                not lines
                or {"#EXT-X-PLAYLIST-TYPE:EVENT", "#EXT-X-START:TIME-OFFSET=0"} <= set(lines)
                or ("#EXT-X-ENDLIST" in lines)
            )
    assert growing[0]["audio/index.m3u8"]


def test_what_was_named_stays_named_to_the_end(watched: Watched) -> None:
    """A player that has loaded a playlist finds it longer, and ended at last: it need not begin anew."""
    for name in ("360p/index.m3u8", "480p/index.m3u8", "audio/index.m3u8"):
        versions = [seen[name] for seen in watched.seen if name in seen]
        for earlier, later in pairwise(versions):
            assert names(later)[: len(names(earlier))] == names(earlier)
            kept = [line for line in earlier if line.startswith(("#EXTINF", "#EXT-X-MAP", "#EXT-X-TARGETDURATION"))]
            assert kept == [line for line in later if line in kept][: len(kept)]
        assert versions[-1][-1] == "#EXT-X-ENDLIST"


def test_how_much_can_be_played_is_told_as_it_grows(watched: Watched) -> None:
    all_noted = watched.context.noted
    assert next(noted.get("playable", False) for noted in all_noted)
    assert sum(noted.get("playable", False) for noted in all_noted) == 1
    told = [noted["playable_seconds"] for noted in all_noted]
    assert told == sorted(set(told))
    assert told[0] == pytest.approx(6, abs=0.03)
    assert told[-1] == pytest.approx(SECONDS, abs=0.03)


def test_what_cannot_be_made_does_not_play_on(upload: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = FakeContext(tmp_path, upload)
    watched = Watched(context, monkeypatch)

    def damaged(*_: Any) -> None:
        raise PermanentError("damaged")

    monkeypatch.setattr(see, "_lacking", damaged)
    with pytest.raises(PermanentError):
        transcode(context)
    assert any("master.m3u8" in seen for seen in watched.seen)
    assert context.stored() == []
    assert [key for key in context.storage.keys(f"{HLS.removesuffix('hls/')}work/")] == []


def test_a_run_that_is_over_publishes_no_more(upload: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = FakeContext(tmp_path, upload)

    def over(*_: Any, **__: Any) -> None:
        raise TransientError("This run is over.")

    monkeypatch.setattr(context, "note", over)
    with pytest.raises(TransientError, match="over"):
        transcode(context)
    assert context.running == []


def test_what_was_made_before_plays_on_while_it_is_made_anew(
    watched: Watched, upload: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = FakeContext(tmp_path, upload)
    shutil.copytree(watched.context.hls, later.hls)
    later.record = later.record.__class__(**{**_fields(later.record), "info": {"variants": [{}]}})
    anew = Watched(later, monkeypatch)
    transcode(later)
    assert later.noted == []
    assert anew.seen
    assert all("#EXT-X-ENDLIST" in seen["360p/index.m3u8"] for seen in anew.seen)


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


def test_the_smallest_of_every_video_comes_before_the_larger_of_any(
    watched: Watched, upload: Path, tmp_path: Path
) -> None:
    """While others wait, the whole of the smallest is made, and the rest is left to the background."""
    whole = watched.context
    context = FakeContext(tmp_path, upload)
    context.others = True
    with pytest.raises(Postpone) as gave_way:
        transcode(context)
    assert gave_way.value.background
    assert {name.partition("/")[0] for name in context.stored()} == {"360p", "audio", "master.m3u8"}
    assert context.noted[-1]["playable_seconds"] == pytest.approx(SECONDS, abs=0.03)
    later = context.again()
    later.others = False
    transcode(later)
    assert {name: (later.hls / name).read_bytes() for name in later.stored()} == {
        name: (whole.hls / name).read_bytes() for name in whole.stored()
    }
