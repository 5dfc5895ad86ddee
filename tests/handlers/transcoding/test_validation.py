"""Guards the validator: a sound stream passes, and each defect is told with its place and its rule."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from struct import pack, unpack_from

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from handlers.transcoding.manifest import Mismatch
from handlers.transcoding.run import transcode
from handlers.transcoding.validation.reading import Folder
from handlers.transcoding.validation.renditions import load
from handlers.transcoding.validation.stream import Stream, validate
from scripts import validate as command
from tests.handlers.transcoding.conftest import Make
from tests.handlers.transcoding.fake_context import HLS, FakeContext
from tests.handlers.transcoding.sources import AAC, X264, picture, sound
from tests.handlers.transcoding.web_server import serve

Spoil = Callable[[Path], None]


@pytest.fixture(scope="module")
def whole(make: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two rungs of 8 s, and sound: two segments each."""
    upload = make("whole.mp4", *picture("854x480", "10", 8), *sound(8), *X264, *AAC)
    context = FakeContext(tmp_path_factory.mktemp("whole"), upload)
    transcode(context)
    return context.hls


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    shutil.copytree(whole, tmp_path / "hls")
    return tmp_path / "hls"


def check(folder: Path, name: str = "master.m3u8") -> Stream:
    reader = Folder(folder)
    return validate(name, reader, partial(load, reader=reader))


def test_what_is_made_here_is_sound(whole: Path) -> None:
    stream = check(whole)
    assert list(stream.report.lines()) == []
    assert sum(len(each.playlist.entries) for each in stream.renditions.values()) >= 6


def replace(name: str, pattern: str, by: str, count: int = 1) -> Spoil:
    """Changes a playlist."""

    def spoil(folder: Path) -> None:
        text, changed = re.subn(pattern, by, (folder / name).read_text(), count=count, flags=re.MULTILINE)
        assert changed
        (folder / name).write_text(text)

    return spoil


def change(name: str, how: Callable[[bytes], bytes]) -> Spoil:
    """Changes bytes."""

    def spoil(folder: Path) -> None:
        before = (folder / name).read_bytes()
        after = how(before)
        assert after != before
        (folder / name).write_bytes(after)

    return spoil


def exchange(folder: Path) -> None:
    """The two segments of a rung change places."""
    text = (folder / "360p/index.m3u8").read_text()
    first, second = "seg_00000.m4s", "seg_00001.m4s"
    (folder / "360p/index.m3u8").write_text(text.replace(first, "x").replace(second, first).replace("x", second))


def with_edit_list(init: bytes) -> bytes:
    """An empty edit list at the end of the track, which is made longer by it."""
    box = pack(">I4sI4sII", 24, b"edts", 16, b"elst", 0, 0)
    at = init.index(b"trak") - 4
    end = at + unpack_from(">I", init, at)[0]
    longer = bytearray(init)
    for kind in (b"moov", b"trak"):
        place = init.index(kind) - 4
        longer[place : place + 4] = pack(">I", unpack_from(">I", init, place)[0] + len(box))
    return bytes(longer[:end] + box + longer[end:])


def without_key_frame(segment: bytes) -> bytes:
    """The flags of the first sample say that it needs others."""
    at = segment.index(b"trun") + 4
    assert segment[at + 3] & 4
    flags = at + 8 + (4 if segment[at + 3] & 1 else 0)
    return segment[:flags] + pack(">I", 0x01010000) + segment[flags + 4 :]


def without_idr(segment: bytes) -> bytes:
    """The first picture says that it is one of the others (NAL type 1)."""
    data, at = bytearray(segment), segment.index(b"mdat") + 4
    while data[at + 4] & 31 != 5:
        at += 4 + unpack_from(">I", segment, at)[0]
    data[at + 4] = data[at + 4] & ~31 | 1
    return bytes(data)


def with_number(kind: bytes, offset: int, number: int) -> Callable[[bytes], bytes]:
    """Another 32-bit number in the first box of a kind."""

    def changed(data: bytes) -> bytes:
        at = data.index(kind) + 4 + offset
        return data[:at] + pack(">I", number) + data[at + 4 :]

    return changed


MASTER, SMALL, KEY = "master.m3u8", "360p/index.m3u8", "#EXT-X-KEY:METHOD=AES-128"
DEFECTS = {
    "no playlist": (replace(MASTER, "#EXTM3U", "hello"), MASTER, "4.3.1.1", "no playlist"),
    "a tag twice": (replace(MASTER, "^#EXT-X-VERSION:7", "#EXT-X-VERSION:7\n#EXT-X-VERSION:7"), MASTER, "4.3", "twice"),
    "an attribute twice": (replace(MASTER, ",FRAME-RATE", ",BANDWIDTH=1,FRAME-RATE"), MASTER, "4.2", "BANDWIDTH"),
    "no attribute list": (replace(MASTER, 'NAME="', 'NAME=""'), MASTER, "4.2", "no attribute list"),
    "bare codecs": (replace(MASTER, 'CODECS="[^"]*"', "CODECS=x"), MASTER, "4.2", "quotes"),
    "no bandwidth": (replace(MASTER, "BANDWIDTH=\\d+,AV", "AV"), MASTER, "4.3.4.2", "BANDWIDTH is missing"),
    "no URI": (replace(MASTER, "^480p/index.m3u8\n", ""), MASTER, "4.3.4.2", "not followed by a URI"),
    "no group": (replace(MASTER, 'GROUP-ID="audio"', 'GROUP-ID="sound"'), MASTER, "4.3.4.2", "no group audio"),
    "bandwidth": (replace(MASTER, "(:BANDWIDTH=)\\d+", "\\g<1>100000"), MASTER, "Apple 1.26", "BANDWIDTH says 100000"),
    "average": (
        replace(MASTER, "(AVERAGE-BANDWIDTH=)\\d+", "\\g<1>9"),
        MASTER,
        "Apple 1.27",
        "AVERAGE-BANDWIDTH says 9",
    ),
    "codecs": (replace(MASTER, "avc1\\.6400", "avc1.4d00", 9), MASTER, "4.3.4.2", "CODECS says avc1.4d00"),
    "resolution": (replace(MASTER, "=640x360", "=640x362"), MASTER, "4.3.4.2", "the bytes say 640x360"),
    "frame rate": (replace(MASTER, "FRAME-RATE=[0-9.]+", "FRAME-RATE=25.000"), MASTER, "4.3.4.2", "samples say 10.000"),
    "no target": (replace(SMALL, "#EXT-X-TARGETDURATION.*\n", ""), SMALL, "4.3.3.1", "no EXT-X-TARGETDURATION"),
    "target": (replace(SMALL, "(TARGETDURATION:)6", "\\g<1>5"), SMALL, "4.3.3.1", "TARGETDURATION is 5"),
    "version": (replace(SMALL, "VERSION:7", "VERSION:4"), SMALL, "RFC 8216 7", "needs EXT-X-VERSION 6"),
    "length": (replace(SMALL, "EXTINF:2.0", "EXTINF:2.1"), "360p/seg_00001.m4s", "4.3.2.1", "samples last 2.000000"),
    "no length": (replace(SMALL, "#EXTINF:2.*\n", ""), SMALL, "4.3.2.1", "no EXTINF"),
    "order": (exchange, "360p/seg_00000.m4s", "RFC 8216 3", "the one before ends at 8.0"),
    "a part is gone": (
        lambda folder: (folder / "480p/seg_00001.m4s").unlink(),
        "480p/index.m3u8",
        "6.2.1",
        "not there",
    ),
    "init is gone": (lambda folder: (folder / "480p/init.mp4").unlink(), "480p/index.m3u8", "6.2.1", "init.mp4"),
    "cut off": (change("360p/seg_00000.m4s", lambda data: data[:-9]), "360p/seg_00000.m4s", "14496-12", "cut off"),
    "edit list": (change("audio/init.mp4", with_edit_list), "audio/index.m3u8", "edit list", "ignore"),
    "key frame": (change("360p/seg_00001.m4s", without_key_frame), "360p/seg_00001.m4s", "4.3.5.1", "key frame"),
    "IDR": (change("360p/seg_00001.m4s", without_idr), "360p/seg_00001.m4s", "Apple 1.9", "IDR"),
    "no end": (replace(SMALL, "#EXT-X-ENDLIST\n", ""), SMALL, "4.3.3.5", "EXT-X-ENDLIST is missing"),
    "a number without end": (
        replace(SMALL, "(EXTINF:)2", "\\g<1>" + "9" * 5000),
        SMALL,
        "4.3.2.1",
        "number of seconds",
    ),
    "foreign digits": (replace(SMALL, "(TARGETDURATION:)6", "\\g<1>\u0666"), SMALL, "4.3.3.1", "a whole number"),
    "a large bandwidth": (replace(MASTER, "=\\d+,AV", "=" + "9" * 5000 + ",AV"), MASTER, "4.3.4.2", "a whole number"),
    "no URI at all": (replace(SMALL, "^seg_00001", "http://[oops/seg"), SMALL, "4.1", "no URI"),
    "no variant at all": (replace(MASTER, "^360p", "http://[oops"), MASTER, "4.1", "no URI"),
    "a zero in a name": (replace(SMALL, "^seg_00001", "seg%00"), SMALL, "6.2.1", "not there"),
    "a long name": (replace(SMALL, "^seg_00001", "s" * 5000), SMALL, "6.2.1", "not there"),
    "start": (
        replace(SMALL, "^#EXT-X-MAP", "#EXT-X-START:TIME-OFFSET=nan\n#EXT-X-MAP"),
        SMALL,
        "4.3.5.2",
        "TIME-OFFSET",
    ),
    "a default": (replace(MASTER, "DEFAULT=YES", "DEFAULT=MAYBE"), MASTER, "4.3.4.1", "one of YES, NO"),
    "a type": (replace(MASTER, "TYPE=AUDIO", "TYPE=SOUND"), MASTER, "4.3.4.1", "one of AUDIO"),
    "a key is gone": (
        replace(SMALL, "^#EXT-X-MAP", f'{KEY},URI="k"\n#EXT-X-MAP'),
        SMALL,
        "4.3.2.4",
        "the key k is not there",
    ),
    "no key": (replace(SMALL, "^#EXT-X-MAP", f"{KEY}\n#EXT-X-MAP"), SMALL, "4.3.2.4", "has no URI"),
    "no such cipher": (replace(SMALL, "^#EXT-X-MAP", f"{KEY}x\n#EXT-X-MAP"), SMALL, "4.3.2.4", "METHOD"),
    "no blocks": (
        replace(SMALL, "^#EXT-X-MAP", f'{KEY},URI="init.mp4"\n#EXT-X-MAP'),
        SMALL,
        "4.3.2.4",
        "bytes, not 16",
    ),
    "a break in one variant": (
        replace(SMALL, "^#EXTINF:2", "#EXT-X-DISCONTINUITY\n#EXTINF:2"),
        MASTER,
        "6.2.4",
        "different segments",
    ),
    "no map": (replace(SMALL, "^#EXT-X-MAP.*\n", ""), "360p/seg_00000.m4s", "RFC 8216 3", "no EXT-X-MAP"),
    "resolution of key frames": (
        replace(MASTER, "(I-FRAME.*)=640x360", "\\g<1>=64x36"),
        MASTER,
        "4.3.4.3",
        "the bytes say 640x360",
    ),
    "no bytes": (change("360p/init.mp4", lambda _: b""), "360p/seg_00000.m4s", "14496-12", "no track"),
    "no ticks": (change("360p/init.mp4", with_number(b"mdhd", 12, 0)), "360p/seg_00000.m4s", "14496-12", "no ticks"),
    "too many samples": (
        change("360p/seg_00001.m4s", with_number(b"trun", 4, 2**32 - 1)),
        "360p/seg_00001.m4s",
        "14496-12",
        "4294967295 samples",
    ),
    "more samples than told": (
        change("360p/seg_00001.m4s", with_number(b"trun", 4, 999_999)),
        "360p/seg_00001.m4s",
        "14496-12",
        "cut off or damaged",
    ),
    "no pictures": (
        change("360p/seg_00001.m4s", lambda data: data[: len(data) // 2] + bytes(len(data) - len(data) // 2)),
        "360p/seg_00001.m4s",
        "14496-12",
        "NAL units",
    ),
    "unlike lengths": (replace(SMALL, "#EXTINF:2.*\n.*\n", ""), MASTER, "Apple 8.3", "not equally long"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_told_with_its_place_and_its_rule(folder: Path, defect: str) -> None:
    spoil, where, rule, words = DEFECTS[defect]
    spoil(folder)
    errors = check(folder).report.errors
    fitting = [each for each in errors if each.where.partition(":")[0] == where and rule in each.rule]
    assert [each for each in fitting if words in each.message], [str(each) for each in errors]


@pytest.fixture(scope="module")
def transport(make: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sound and pictures together in a transport stream of two segments, as other programs make it."""
    upload = make("both.mp4", *picture("320x180", "10", 4), *sound(4), *X264, "-g", "20", *AAC)
    folder = tmp_path_factory.mktemp("transport")
    cut = ["-c", "copy", "-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod"]
    run = [get_ffmpeg_exe(), "-nostdin", "-v", "error", "-i", str(upload), *cut]
    subprocess.run([*run, str(folder / "i.m3u8")], check=True, timeout=60)
    (folder / "together").mkdir()
    together = ["-hls_segment_type", "fmp4", str(folder / "together/i.m3u8")]
    subprocess.run([*run, *together], check=True, timeout=60, cwd=folder / "together")
    return folder


TRANSPORT_DEFECTS = {
    "empty": (lambda data: b"", "RFC 8216 3", "is empty"),
    "a page": (lambda data: b"<html>404", "RFC 8216 3", "neither a transport stream"),
    "cut off": (lambda data: data[:-50], "RFC 8216 3.2", "no whole transport stream"),
    "short": (lambda data: data[: 188 * 30], "RFC 8216 4.3.2.1", "EXTINF is 2.000 s"),
    "without tables": (lambda data: data[188 * 4 :], "RFC 8216 3.2", "no tables"),
    "without its first picture": (
        lambda data: data.replace(b"\0\0\x01\x65", b"\0\0\x01\x61"),
        "Apple 1.9",
        "not an IDR picture",
    ),
}


@pytest.mark.parametrize("defect", TRANSPORT_DEFECTS)
def test_a_defect_of_a_transport_stream_is_told(transport: Path, tmp_path: Path, defect: str) -> None:
    how, rule, words = TRANSPORT_DEFECTS[defect]
    folder = shutil.copytree(transport, tmp_path / "hls")
    change("i1.ts", how)(folder)
    errors = check(folder, "i.m3u8").report.errors
    assert [each for each in errors if each.where == "i1.ts" and each.rule == rule and words in each.message], errors


def test_transport_streams_and_tracks_that_lie_together_are_sound(transport: Path) -> None:
    assert check(transport, "i.m3u8").report.findings == []
    assert {each.rule for each in check(transport / "together", "i.m3u8").report.findings} == {"edit list"}


def test_a_segment_that_comes_again_is_told(transport: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(transport, tmp_path / "hls")
    shutil.copy(folder / "i0.ts", folder / "i1.ts")
    assert "the next one begins after 0.000 s" in str(check(folder, "i.m3u8").report.errors[0])


def test_codecs_may_be_written_in_capitals(folder: Path) -> None:
    text = (folder / MASTER).read_text()
    (folder / MASTER).write_text(re.sub('avc1[^,"]*', lambda found: found[0].upper(), text))
    assert check(folder).report.errors == []


def test_an_event_playlist_that_still_grows_is_valid(folder: Path) -> None:
    for name in ("360p", "480p", "audio"):
        replace(f"{name}/index.m3u8", "PLAYLIST-TYPE:VOD", "PLAYLIST-TYPE:EVENT")(folder)
        replace(f"{name}/index.m3u8", "#EXTINF:(2|1\\.9).*\n.*\n(#EXTINF.*\n.*\n)*#EXT-X-ENDLIST\n", "")(folder)
    stream = check(folder)
    assert stream.growing
    assert stream.report.errors == []


def test_a_media_playlist_is_checked_by_itself(folder: Path) -> None:
    assert list(check(folder, "360p/index.m3u8").report.lines()) == []


def test_many_findings_alike_are_counted(folder: Path) -> None:
    text = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n" + "#EXTINF:9,\ngone.ts\n" * 9
    (folder / "long.m3u8").write_text(text)
    lines = list(check(folder, "long.m3u8").report.lines())
    assert len([line for line in lines if "6.2.1" in line]) == 6
    assert "  ... and 4 more of [RFC 8216 6.2.1] in long.m3u8" in lines


@pytest.fixture
def served(folder: Path) -> Iterator[str]:
    """Where the folder is to be had over HTTP."""
    with serve(folder) as url:
        yield url


def test_the_command_checks_any_server(served: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([f"{served}/master.m3u8"]) == 0
    assert "10 segments, 8.0 s: 0 errors, 0 pieces of advice." in capsys.readouterr().out
    (folder / "360p/seg_00001.m4s").unlink()
    assert command.main([f"{served}/master.m3u8"]) == 1
    assert "360p/index.m3u8:11: seg_00001.m4s answers 404" in capsys.readouterr().out


def test_what_a_playlist_names_lies_beside_where_it_was_found(served: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([f"{served}/watch/this"]) == 0, "it redirects to the master playlist"
    assert "10 segments, 8.0 s: 0 errors" in capsys.readouterr().out


@pytest.mark.parametrize("url", ["http://[oops/x.m3u8", "http://\u2100/x", "ftp://127.0.0.1/x"])
def test_an_address_that_is_none_is_told(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([url]) == 1
    assert "1 errors" in capsys.readouterr().out


def test_the_command_reads_no_more_than_it_may(served: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([f"{served}/master.m3u8", "--requests", "3"]) == 1
    assert "--requests allows more" in capsys.readouterr().out
    assert command.main([f"{served}/master.m3u8", "--megabytes", "0"]) == 1
    assert "--megabytes allows more" in capsys.readouterr().out


def test_the_command_decodes_and_finds_what_nothing_names(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "360p/left.m4s").write_bytes(b"over")
    name = folder / "360p/seg_00000.m4s"
    data = bytearray(name.read_bytes())
    data[-2000:] = bytes(2000)
    name.write_bytes(data)
    assert command.main([str(folder / "master.m3u8"), "--decode"]) == 1
    told = capsys.readouterr().out
    assert "error: 360p/seg_00000.m4s: " in told
    assert "[decoding]" in told
    assert "advice: 360p/left.m4s: is named by nothing that was read [orphans]" in told


@pytest.mark.parametrize("how", ["lost", "cut off"])
def test_a_run_whose_parts_do_not_arrive_whole_is_not_completed_and_the_next_makes_them_anew(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    context = FakeContext(tmp_path, make("small.mp4", *picture("320x180"), *X264))
    put = context.storage.put

    def forgetful(key: str, source: object) -> int:
        size = put(key, source)  # type: ignore[arg-type]
        if key == f"{HLS}180p/seg_00000.m4s":
            path = context.hls / "180p/seg_00000.m4s"
            path.unlink() if how == "lost" else path.write_bytes(path.read_bytes()[:-1])
        return size

    monkeypatch.setattr(context.storage, "put", forgetful)
    with pytest.raises(Mismatch):
        transcode(context)
    assert context.attached == {}
    monkeypatch.setattr(context.storage, "put", put)
    transcode(context)
    assert check(context.hls).report.errors == []
