"""Guards the quick look by a file's index: it tells exactly what reading every packet does, or nothing."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from av.error import FFmpegError

from broker.errors import PermanentError
from handlers.media.opening import open_as
from handlers.transcoding import indexed, scan
from handlers.transcoding.iso_boxes import NotTold
from handlers.transcoding.reading import Reading, read_all
from handlers.transcoding.source import Source
from tests.handlers.transcoding.conftest import Make
from tests.handlers.transcoding.sources import AAC, X264, picture, sound

SMALL = picture("64x64", "25", 4)
H264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "25")
VFR = ("-vf", "select='not(eq(mod(n,7),3))'", "-fps_mode", "vfr")
FRAGMENTS = "+frag_keyframe+empty_moov"
HRD = "nal-hrd=vbr:vbv-maxrate=500:vbv-bufsize=500"
#: Files of which the index tells all.
PLAIN = {
    "pictures that come in another order": ("b.mp4", *SMALL, *sound(4), *H264, "-bf", "3", *AAC),
    "varying rate": ("vfr.mp4", *SMALL, *sound(4), *VFR, *H264, *AAC),
    "NTSC": ("ntsc.mov", *picture("64x64", "30000/1001", 4), *sound(4), *H264, *AAC),
    "no sound": ("mute.mp4", *SMALL, *X264, "-movflags", "+faststart"),
    "pictures come late": ("late.mp4", "-itsoffset", "1.3", *SMALL, *sound(4), *H264, *AAC),
    "turned": ("turned.mov", *SMALL, *H264, "-aspect", "16:9"),
    "HEVC": ("hevc.mp4", *SMALL, *sound(4), "-c:v", "libx265", "-x265-params", "log-level=none:keyint=25", *AAC),
    "sound is cut": ("cut.mp4", *SMALL, "-itsoffset", "-1.3", *sound(4), *H264, *AAC),
    "plain sound": ("pcm.mov", *SMALL, *sound(4), *H264, "-c:a", "pcm_s16le"),
    "several sounds": ("many.mp4", *SMALL, *sound(4), *sound(3), *("-map", "0", "-map", "1", "-map", "2"), *H264, *AAC),
    "open groups": ("open.mp4", *SMALL, *H264, "-x264-params", "open-gop=1:bframes=3"),
    "negative delays": ("negative.mp4", *SMALL, *H264, "-movflags", "+negative_cts_offsets"),
    "fragments": ("fragments.mp4", *SMALL, *H264, "-movflags", FRAGMENTS),
    "fragments with sound": ("f1.mp4", *SMALL, *sound(4), *H264, "-bf", "3", *AAC, "-movflags", FRAGMENTS),
    "fragments from their box on": (
        "f2.mp4",
        *SMALL,
        *sound(4),
        *H264,
        *AAC,
        "-movflags",
        f"{FRAGMENTS}+default_base_moof",
    ),
    "fragments of varying rate": ("f3.mp4", *SMALL, *sound(4), *VFR, *H264, *AAC, "-movflags", FRAGMENTS),
    "fragments that begin late": (
        "f4.mp4",
        "-itsoffset",
        "1.3",
        *SMALL,
        *sound(4),
        *H264,
        *AAC,
        "-movflags",
        FRAGMENTS,
    ),
    "fragments with an edit": ("f5.mp4", *SMALL, *sound(4), *H264, *AAC, "-movflags", "+frag_keyframe+delay_moov"),
    "fragments with negative delays": ("f6.mp4", *SMALL, *H264, "-movflags", f"{FRAGMENTS}+negative_cts_offsets"),
    "many fragments of several sounds": (
        *("f7.mp4", *SMALL, *sound(4), *sound(3), "-map", "0", "-map", "1", "-map", "2", *H264, *AAC),
        *("-frag_duration", "100000", "-movflags", "+empty_moov"),
    ),
    "fragments of HEVC": (
        *("f8.mp4", *SMALL, "-c:v", "libx265", "-x265-params", "log-level=none:keyint=25", "-movflags", FRAGMENTS),
    ),
}
#: Files that have to be read.
OTHER = {
    "fragments behind samples": ("behind.mp4", *SMALL, *H264, "-movflags", "+frag_keyframe"),
    "fragments with an index": ("sidx.mp4", *SMALL, *H264, "-movflags", f"{FRAGMENTS}+default_base_moof+global_sidx"),
    "fields": ("fields.mov", *SMALL, *H264, "-flags", "+ilme+ildct", "-vf", "setfield=tff"),
    "another codec": ("mpeg4.mp4", *SMALL, "-c:v", "mpeg4"),
    "two tracks of pictures": ("two.mp4", *SMALL, *SMALL, "-map", "0", "-map", "1", *H264),
    "timing in every picture": (
        "timing.mp4",
        *SMALL,
        *H264,
        "-x264-params",
        HRD,
    ),
}


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if these were too long to be read."""
    monkeypatch.setattr(indexed, "_FEW", 20)


def told(path: Path, read: Callable[[Reading], None]) -> Source | str:
    """What this way of reading tells, a refusal as its text. Raises ``NotTold``."""
    try:
        with open_as(str(path), "mov") as container:
            return scan._Scan(container, "mov", path, read).source()
    except PermanentError as error:
        return error.message


@pytest.mark.parametrize("name", PLAIN)
def test_the_index_tells_what_all_packets_do(make: Make, name: str) -> None:
    upload = make(*PLAIN[name])
    assert told(upload, indexed.read_index) == told(upload, read_all)


@pytest.mark.parametrize("name", OTHER)
def test_where_it_is_not_certain_it_tells_nothing(make: Make, name: str) -> None:
    upload = make(*OTHER[name])
    with pytest.raises(NotTold):
        told(upload, indexed.read_index)
    assert scan.scan(str(upload), "mov") == told(upload, read_all)


def stream(make: Make, size: str) -> Path:
    """With the parameter set before every key frame."""
    return make(f"{size}.ts", *picture(size, seconds=1), *H264, "-bsf:v", "dump_extra")


@pytest.mark.parametrize(("size", "uniform"), [("64x64", True), ("96x64", False)])
def test_another_parameter_set_among_the_pictures_is_seen(make: Make, size: str, uniform: bool) -> None:
    both = f"concat:{stream(make, '64x64')}|{stream(make, size)}"
    upload = make("both.mp4", "-i", both, "-c", "copy")
    found = told(upload, read_all)
    assert isinstance(found, Source)
    assert found.uniform == uniform
    if uniform:
        assert told(upload, indexed.read_index) == found
    else:
        with pytest.raises(NotTold):
            told(upload, indexed.read_index)


@pytest.mark.parametrize("how", [(), ("-movflags", FRAGMENTS)])
def test_of_damaged_files_it_tells_the_same_or_nothing(make: Make, tmp_path: Path, how: tuple[str, ...]) -> None:
    """A byte of the index is another; one of a hundred is in a box that matters."""
    data = make("small.mp4", *picture("32x32", seconds=1.2), *sound(1), *H264, *AAC, *how).read_bytes()
    chance, path, index = random.Random(7), tmp_path / "mutant.mp4", data.index(b"moov")
    places = [at for at in range(index, len(data)) if not how or at < data.index(b"mdat")]
    plain = 0
    for _ in range(25):
        at = chance.choice(places)
        path.write_bytes(data[:at] + chance.randbytes(1) + data[at + 1 :])
        try:
            found = told(path, indexed.read_index)
        except (NotTold, FFmpegError):
            continue
        plain += isinstance(found, Source)
        assert found == told(path, read_all), f"byte {at}"
    assert plain > 2
