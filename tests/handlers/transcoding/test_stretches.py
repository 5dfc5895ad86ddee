"""Guards sound in stretches: the same bytes however often it was interrupted, cut where one run cuts, no seam."""

import hashlib
import io
import json
import subprocess
from contextlib import closing
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from threading import Event
from threading import enumerate as enumerate_threads
from typing import Any

import numpy as np
import pytest

from broker.errors import TransientError
from broker.media import paths
from handlers.transcoding import poster, stretches
from handlers.transcoding.boxes import read_init, read_segment
from handlers.transcoding.early_sound import EarlySound
from handlers.transcoding.encoder import Video
from handlers.transcoding.ffmpeg import binary
from handlers.transcoding.further_sound import Further
from handlers.transcoding.kept_sound import Heard, KeptSound
from handlers.transcoding.manifest import Manifest, Mismatch
from handlers.transcoding.plan import plan
from handlers.transcoding.run import transcode
from handlers.transcoding.scan import scan
from handlers.transcoding.stretches import FRAME, RATE
from scripts.bench.video import in_one_run
from tests.handlers.transcoding.conftest import Make
from tests.handlers.transcoding.fake_context import FakeContext
from tests.handlers.transcoding.killing import killed_at
from tests.handlers.transcoding.sources import AAC, X264, picture
from tests.handlers.transcoding.sources import sound as noise
from tests.handlers.transcoding.validator import validate

#: Five segments of six seconds, and a short one: three stretches here.
SECONDS = 31
LONG = ("long.mp4", *picture("64x64", "10", SECONDS), *noise(SECONDS), *X264, *AAC)
PATIENCE = 60.0


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretches, "_SEGMENTS", 2)


class Plan:
    """What a stretch needs to know of a plan."""

    def __init__(self, rate: str) -> None:
        frames = round(Fraction(rate) * 6)
        self.segment_seconds = frames / Fraction(rate)


@pytest.mark.parametrize("rate", ["25", "30000/1001", "24000/1001", "12.34"])
@pytest.mark.parametrize("seconds", ["0.01", "6", "600", "43199.9"])
def test_stretches_are_all_of_it(rate: str, seconds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    made = stretches.stretches(Plan(rate), Fraction(seconds))  # type: ignore[arg-type]
    assert [number for each in made for number in each.numbers] == list(range(made[-1].numbers.stop))
    for one, other in pairwise(made):
        assert one.end == other.begins[0]
        assert one.reads_to is not None
        assert other.reads_from < other.begins[0] < one.reads_to
    assert (made[0].begins[0], made[0].reads_from, made[-1].end, made[-1].reads_to) == (0, 0, None, None)
    assert made[-1].begins[-1] * FRAME < Fraction(seconds) * RATE
    assert len(made) == max(1, round(made[-1].numbers.stop / stretches._SEGMENTS))


def samples(kind: str) -> "np.ndarray[Any, np.dtype[np.float32]]":
    at, any_noise = np.arange(SECONDS * RATE) / RATE, np.random.default_rng(1)
    if kind == "sweep":
        left = 0.5 * np.sin(2 * np.pi * (100 * at + 7900 / (2 * SECONDS) * at * at))
    else:
        left = 0.1 * any_noise.standard_normal(at.size)
    return np.stack([left, np.roll(left, 37)], 1).astype("<f4")


def coded(folder: Path, upload: Path, *, most: int) -> tuple[FakeContext, "np.ndarray[Any, np.dtype[np.float32]]"]:
    """The run that makes the sound in stretches of so many segments, and its decoded samples."""
    folder.mkdir()
    context = FakeContext(folder, upload)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(stretches, "_SEGMENTS", most)
        transcode(context)
    audio = context.hls / "audio"
    (folder / "all.mp4").write_bytes(b"".join(each.read_bytes() for each in parts(audio)))
    argv = [binary(), "-v", "error", "-i", str(folder / "all.mp4"), "-f", "f32le", "-ac", "2", "pipe:1"]
    raw = subprocess.run(argv, check=True, capture_output=True).stdout
    return context, np.frombuffer(raw, "<f4").reshape(-1, 2)


def parts(audio: Path) -> list[Path]:
    return [audio / "init.mp4", *sorted(audio.glob("seg_*"))]


@pytest.mark.parametrize("kind", ["sweep", "noise"])
def test_no_seam(tmp_path: Path, kind: str) -> None:
    """At the borders what is heard is as near to the source as that of one run, and nowhere else is it farther."""
    given = samples(kind)
    (tmp_path / "given.raw").write_bytes(given.tobytes())
    upload = tmp_path / "given.mov"
    inputs = (*picture("64x64", "10", SECONDS), "-f", "f32le", "-ar", "48000", "-ac", "2", "-i", "given.raw")
    argv = [binary(), "-nostdin", "-v", "fatal", *inputs, *X264, "-c:a", "pcm_f32le", str(upload)]
    subprocess.run(argv, cwd=tmp_path, check=True)
    (one_run, one), (many_runs, many) = (coded(tmp_path / str(most), upload, most=most) for most in (100, 2))
    assert len(one) == len(many) == -(-len(given) // FRAME) * FRAME, "no sample is missing or doubled"

    def errors(heard: "np.ndarray[Any, np.dtype[np.float32]]", first: int, end: int) -> Any:
        """The power of what is heard and was not given, by frame."""
        off = (heard[: len(given)] - given)[first * FRAME : end * FRAME].reshape(end - first, -1)
        return (off**2).mean(1)

    made = stretches.stretches(Plan("10"), Fraction(SECONDS))  # type: ignore[arg-type]
    assert len(made) == 3
    worst, decibel = errors(one, 20, len(given) // FRAME - 2).max(), 10**0.1
    for each in made[1:]:
        border = (each.begins[0] - 8, each.begins[0] + 40)
        assert errors(many, *border).mean() < errors(one, *border).mean() * decibel
        assert errors(many, *border).max() < worst * decibel
    at_once, in_stretches = (parts(each.hls / "audio") for each in (one_run, many_runs))
    assert [path.name for path in at_once] == [path.name for path in in_stretches]
    assert at_once[0].read_bytes() == in_stretches[0].read_bytes()


@pytest.mark.parametrize("rate", ["10", "30000/1001"])
def test_it_is_cut_where_one_run_cuts(make: Make, tmp_path: Path, rate: str) -> None:
    """One run of ffmpeg over all, which cuts by times; frames lie without a gap."""
    upload = make("cut.mp4", *picture("64x64", rate, SECONDS), *noise(SECONDS), *X264, *AAC)
    context = FakeContext(tmp_path, upload)
    transcode(context)
    made = plan(scan(str(upload), "mov"))
    (tmp_path / "audio").mkdir()
    argv = in_one_run(upload, "mov", scan(str(upload), "mov").sound[0].track, made, made.seconds)
    subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True)

    def places(audio: Path) -> list[tuple[Fraction, int, Fraction]]:
        init, *segments = parts(audio)
        read = [read_segment(path, read_init(init).timescale) for path in segments]
        return [(each.start, each.samples, each.duration) for each in read]

    found = places(context.hls / "audio")
    assert found == places(tmp_path / "audio")
    assert all(end == start + length for (start, _, length), (end, *_) in pairwise(found))
    assert parts(tmp_path / "audio")[0].read_bytes() == parts(context.hls / "audio")[0].read_bytes()


@pytest.fixture(scope="module")
def whole(make: Make, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The sound of an uninterrupted run."""
    context = FakeContext(tmp_path_factory.mktemp("whole"), make(*LONG))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(stretches, "_SEGMENTS", 2)
        transcode(context)
    return audio_of(context)


def audio_of(context: FakeContext) -> dict[str, bytes]:
    return {name: (context.hls / name).read_bytes() for name in context.stored() if name.startswith("audio")}


def begun(context: FakeContext) -> list[int]:
    """The segments with which encoders of sound have begun."""
    return [int(argv[argv.index("-segment_start_number") + 1]) for argv in context.commands if "aac" in argv]


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("audio/seg_00001.m4s", [0, 2, 4]),
        ("audio/seg_00002.m4s", [2, 4]),
        ("sound_00002.json", [2, 4]),
        ("sound.json", []),
    ],
)
def test_a_run_goes_on_with_what_is_missing(
    whole: dict[str, bytes], make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, missing: list[int]
) -> None:
    context = FakeContext(tmp_path, make(*LONG))
    monkeypatch.setattr("handlers.transcoding.growing.Growing.update", lambda self: None)
    later = killed_at(context, name, monkeypatch)
    transcode(later)
    assert begun(later) == missing
    assert audio_of(later) == whole
    validate(later.hls)
    assert list(later.storage.keys(paths.work(later.tenant, later.record.id))) == []


def test_sound_that_was_there_before_any_picture_is_kept(
    whole: dict[str, bytes], make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = FakeContext(tmp_path, make(*LONG))

    def sound_is_made() -> None:
        next(each for each in enumerate_threads() if each.name == "sound").join(PATIENCE)

    later = killed_at(context, "64p/seg_00000.m4s", monkeypatch, sound_is_made)
    transcode(later)
    assert begun(later) == []
    assert audio_of(later) == whole
    validate(later.hls)


#: Two tracks.
SPOKEN = (*picture("64x64", "10", SECONDS), *noise(SECONDS), *noise(SECONDS))
MAPS = ("-map", "0", "-map", "1", "-map", "2")
#: How each frame of such sound begins: sync code, 1024 samples at 48 kHz, one channel of 24 bits (RFC 9639, 9.1). Less
#: of that is found in pictures as well, and those that are damaged are not decoded to the same ones each time.
FLAC_FRAME = b"\xff\xf8\xaa\x0c"


def damaged(upload: Path, folder: Path, part: float) -> Path:
    """The file with so much of its FLAC broken: every frame of the first so many."""
    data = bytearray(upload.read_bytes())
    places, at = [], data.find(FLAC_FRAME)
    while at > 0:
        places.append(at)
        at = data.find(FLAC_FRAME, at + 40)
    for at in places[: round(len(places) * part)]:
        data[at : at + 40] = bytes(40)
    broken = folder / "broken.mkv"
    broken.write_bytes(data)
    return broken


def records(context: FakeContext) -> dict[str, Any]:
    """What is written down of the sound, by name."""
    found = {}
    for key in context.storage.keys(paths.work(context.tenant, context.record.id)):
        name = key.rpartition("/")[2].removesuffix(".json")
        if name.startswith("sound"):
            with context.storage.open(key) as file:
                found[name] = json.load(file)
    return found


def test_of_a_track_that_is_given_up_nothing_is_left(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It turns out at its end that too little of it can be decoded, when segments of it are stored and play."""
    upload = damaged(make("two.mkv", *SPOKEN, *MAPS, *X264, "-c:a:0", "flac", "-c:a:1", "pcm_s16le"), tmp_path, 0.9)
    (tmp_path / "whole").mkdir()
    uninterrupted = FakeContext(tmp_path / "whole", upload)
    answer = transcode(uninterrupted)
    assert answer
    assert answer["warnings"] == ["Sound track 1 cannot be decoded: the next one is used."]
    assert begun(uninterrupted) == [0, 2, 0, 2, 4], "the last of the first is not encoded"
    later = killed_at(FakeContext(tmp_path, upload), "sound_00002.json", monkeypatch)
    assert records(later).keys() == {"sound_begun", "sound_00000"}
    last = killed_at(later, "sound_00000.json", monkeypatch)
    assert begun(later) == [2, 0]
    numbers = {name: each["number"] for name, each in records(last).items()}
    assert numbers == {"sound_begun": 2, "sound_00000": 1, "sound_00002": 1}
    assert transcode(last) == answer
    assert begun(last) == [0, 2, 4]
    assert audio_of(last) == audio_of(uninterrupted)


def test_further_tracks_go_on_too(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The third is killed in its second stretch; the second cannot be decoded, which is not found out again."""
    inputs = (*SPOKEN, *noise(SECONDS))
    codecs = ("-c:a:0", "pcm_s16le", "-c:a:1", "flac", "-c:a:2", "pcm_s16le")
    upload = damaged(make("three.mkv", *inputs, *MAPS, "-map", "3", *X264, *codecs), tmp_path, 0.9)
    (tmp_path / "whole").mkdir()
    uninterrupted = FakeContext(tmp_path / "whole", upload)
    answer = transcode(uninterrupted)
    assert answer
    assert answer["warnings"] == ["Sound track 2 cannot be decoded: it is left out."]
    assert begun(uninterrupted) == [0, 2, 4, 0, 2, 0, 2, 4]
    later = killed_at(FakeContext(tmp_path, upload), "audio3/seg_00002.m4s", monkeypatch)
    assert transcode(later) == answer
    assert begun(later) == [2, 4]
    assert audio_of(later) == audio_of(uninterrupted)
    assert {name.partition("/")[0] for name in audio_of(later)} == {"audio", "audio3"}


def encoded(context: FakeContext) -> int:
    """Runs that have encoded pictures."""
    return sum("libx264" in argv for argv in context.commands)


def pictures_and_a_stretch(context: FakeContext, monkeypatch: pytest.MonkeyPatch) -> FakeContext:
    """Killed when all pictures are made and the second stretch of sound begins to be written down; the next run."""
    pictures_are_made, command = Event(), poster.command

    def made(*arguments: Any) -> list[str]:
        pictures_are_made.set()
        return command(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(poster, "command", made)
        return killed_at(context, "sound_00002.json", monkeypatch, lambda: pictures_are_made.wait(PATIENCE))


def test_sound_that_was_made_otherwise_is_made_anew_and_no_picture_is(
    whole: dict[str, bytes], make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The headers of an earlier run are not those of this one."""
    later = pictures_and_a_stretch(FakeContext(tmp_path, make(*LONG)), monkeypatch)
    [key] = [each for each in later.storage.keys(paths.work(later.tenant, later.record.id)) if "sound_00000" in each]
    with later.storage.open(key) as file:
        record = json.load(file) | {"init": hashlib.sha256(b"made by another release").hexdigest()}
    later.storage.put(key, io.BytesIO(json.dumps(record).encode()))
    # Killed in the midst of it, that goes on too.
    last = killed_at(later, "sound_00004.json", monkeypatch)
    assert begun(later) == [2, 0, 2, 4]
    transcode(last)
    assert begun(last) == [4]
    assert encoded(later) == encoded(last) == 0
    assert audio_of(last) == whole
    validate(last.hls)


def test_sound_that_never_fits_costs_no_picture_either(
    whole: dict[str, bytes], make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = pictures_and_a_stretch(FakeContext(tmp_path, make(*LONG)), monkeypatch)

    def otherwise(*_: Any) -> None:
        raise Mismatch()

    with monkeypatch.context() as patched:
        patched.setattr(KeptSound, "_store", otherwise)
        with pytest.raises(TransientError, match="Stretches of the sound do not fit together"):
            transcode(later)
    assert begun(later) == [2, 0], "anew, once"
    last = later.again()
    transcode(last)
    assert encoded(last) == 0
    assert audio_of(last) == whole


def test_damage_is_told_after_an_interruption_too(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make("one.mkv", *picture("64x64", "10", SECONDS), *noise(SECONDS), *X264, "-c:a", "flac")
    upload = damaged(source, tmp_path, 0.1)
    (tmp_path / "whole").mkdir()
    answer = transcode(FakeContext(tmp_path / "whole", upload))
    assert answer
    assert [line.partition(":")[0] for line in answer["warnings"]] == ["Parts of the sound are damaged"]
    later = killed_at(FakeContext(tmp_path, upload), "sound_00004.json", monkeypatch)
    assert transcode(later) == answer
    assert begun(later) == [4]


def test_loudness_is_measured_once(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measurings(context: FakeContext) -> int:
        return sum("-dec" in argv and "ebur128" in " ".join(argv) for argv in context.commands)

    context = FakeContext(tmp_path, make(*LONG))
    context.payload = context.payload | {"normalize_audio": True}
    later = killed_at(context, "audio/seg_00002.m4s", monkeypatch)
    assert measurings(context) > 0
    answer = transcode(later)
    assert measurings(later) == 0
    assert begun(later) == [2, 4]
    assert answer
    assert answer["loudness"]["integrated_lufs"] == pytest.approx(-16, abs=1)


def test_pictures_that_end_sooner_than_planned(make: Make, tmp_path: Path) -> None:
    """All sound is made anew then, as long as they are; a run that goes on knows how long."""
    context, upload = FakeContext(tmp_path, make(*LONG)), make(*LONG)
    source = scan(str(upload), "mov")
    video, length = Video(upload, "mov", source, plan(source), paths.hls(context.tenant, "made")), Fraction(13)

    def heard() -> tuple[tuple[Heard, Further], int]:
        manifest = Manifest(context, "made", "of-this")  # type: ignore[arg-type]
        manifest.load("")
        with closing(EarlySound(context, video, manifest)) as early:  # type: ignore[arg-type]
            return early.finish(length, lambda: None), len(context.commands)

    first, again = heard(), heard()
    assert first == again, "and nothing is encoded again"
    assert first[0][0].track
    assert float(first[0][0].track.duration) == pytest.approx(13, abs=FRAME / RATE)
    assert [line[:30] for line in first[0][0].warnings] == ["The sound is cut at the last p"]
