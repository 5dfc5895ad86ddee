"""Guards quick looks at pictures behind start codes, as transport streams have them: decoding tells the same."""

import random
from pathlib import Path

import pytest

from broker.errors import PermanentError
from handlers.transcoding import looks, scan
from handlers.transcoding.nal_units import sequence_of
from handlers.transcoding.source import Source
from tests.handlers.transcoding.conftest import Make
from tests.handlers.transcoding.sources import AAC, picture, sound

#: A key frame a second, of which each is due.
SMALL = picture("64x64", "25", 13)
H264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "25")
HEVC = ("-c:v", "libx265", "-x265-params", "log-level=none:keyint=25:min-keyint=25")
HRD = ("-x264-params", "nal-hrd=vbr:vbv-maxrate=500:vbv-bufsize=500")
FIELDS = ("-flags", "+ilme+ildct", "-vf", "setfield=tff")
#: What of the pictures is decoded: the first, or those all over the file.
FIRST, ALL = range(8, 14), range(18, 1000)
FILES = {
    "H.264": (("a.ts", *SMALL, *sound(13), *H264, *AAC), FIRST),
    "HEVC": (("b.ts", *SMALL, *HEVC), FIRST),
    "H.264 in AVI": (("c.avi", *SMALL, *H264), FIRST),
    "a program stream": (("d.mpg", *SMALL, *H264, "-f", "vob"), FIRST),
    "fields": (("e.ts", *SMALL, *H264, *FIELDS), ALL),
    "timing in every picture": (("f.ts", *SMALL, *H264, *HRD), ALL),
    "another codec": (("g.ts", *SMALL, "-c:v", "mpeg2video", "-g", "25"), ALL),
}
DEMUXERS = {".ts": "mpegts", ".avi": "avi", ".mpg": "mpeg"}


def told(path: Path, monkeypatch: pytest.MonkeyPatch, *, decode: bool) -> tuple[Source | str, int]:
    """What a look tells, a refusal as its text, and how many pictures were decoded for it."""
    count, look = [0], looks.Looks._look

    def counted(self: looks.Looks, frame: object) -> None:
        count[0] += 1
        look(self, frame)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(looks.Looks, "_look", counted)
        if decode:
            patched.setattr(looks, "sequence_of", lambda *_: None)
        try:
            return scan.scan(str(path), DEMUXERS[path.suffix]), count[0]
        except PermanentError as error:
            return error.message, count[0]


@pytest.mark.parametrize("name", FILES)
def test_it_tells_what_decoding_does(make: Make, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments, decoded = FILES[name]
    upload = make(*arguments)
    quick, count = told(upload, monkeypatch, decode=False)
    assert isinstance(quick, Source)
    assert (quick, True) == (told(upload, monkeypatch, decode=True)[0], count in decoded), count


def test_another_size_on_the_way_is_seen(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (make(f"{size}.ts", *picture(size, seconds=3), *H264) for size in ("64x64", "96x64"))
    upload = make("both.ts", "-i", f"concat:{first}|{second}", "-c", "copy")
    quick, _ = told(upload, monkeypatch, decode=False)
    assert isinstance(quick, Source)
    assert (quick.width, quick.uniform) == (96, False)
    assert quick == told(upload, monkeypatch, decode=True)[0]


def test_of_damaged_files_it_tells_the_same(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packets of the stream are lost, or a byte is another."""
    data = make("small.ts", *picture("32x32", seconds=4), *H264).read_bytes()
    chance, path, plain = random.Random(11), tmp_path / "mutant.ts", 0
    for turn in range(20):
        at = chance.randrange(188 * 8, len(data)) // 188 * 188
        if turn % 2:
            path.write_bytes(data[:at] + data[at + 188 :])
        else:
            place = at + chance.randrange(4, 188)
            path.write_bytes(data[:place] + chance.randbytes(1) + data[place + 1 :])
        quick, _ = told(path, monkeypatch, decode=False)
        plain += isinstance(quick, Source)
        assert quick == told(path, monkeypatch, decode=True)[0], f"turn {turn}, {at}"
    assert plain > 10


@pytest.mark.parametrize("configuration", [b"", b"\0\0\1", b"\0\0\0\1", b"\0\0\1\x67", b"\0\0\1\x67\0\0\1", bytes(40)])
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_configuration_that_is_cut_off_tells_nothing(codec: str, configuration: bytes) -> None:
    assert sequence_of(codec, configuration) is None
