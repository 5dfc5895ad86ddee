"""Guards one loudness: measured of what was made, whatever the source was like."""

from pathlib import Path
from typing import Any

import pytest

from handlers.transcoding.boxes import read_init, read_segment
from handlers.transcoding.hls_output import INIT, SEGMENTS
from handlers.transcoding.loudness import measure
from handlers.transcoding.playlists import Track
from tests.handlers.transcoding.conftest import Make
from tests.handlers.transcoding.fake_context import HLS, FakeContext
from tests.handlers.transcoding.sources import AAC, X264, picture
from tests.handlers.transcoding.test_profiles import transcoded

#: Three seconds of each: quiet, as loud as can be, and quiet with clicks far above it.
SOUNDS = {
    "quiet": "0.01*sin(2*PI*1000*t)",
    "loud": "0.99*sin(2*PI*300*t)",
    "peaks": "(0.05+0.9*lt(mod(t,1),0.001))*sin(2*PI*1000*t)",
}


def heard(make: Make, folder: Path, *expressions: str, **options: Any) -> FakeContext:
    """A video with a sound track for each of the expressions."""
    inputs = [part for each in expressions for part in ("-f", "lavfi", "-i", f"aevalsrc='{each}':s=48000:d=3")]
    maps = [part for number in range(len(expressions) + 1) for part in ("-map", str(number))]
    upload = make("loud.mkv", *picture("64x64", "10", 3), *inputs, *maps, *X264, *AAC, "-b:a", "192k")
    return transcoded(folder, upload, **options)


@pytest.mark.parametrize("name", SOUNDS)
def test_it_is_what_the_operator_wants(make: Make, tmp_path: Path, name: str) -> None:
    found = heard(make, tmp_path, SOUNDS[name], normalize_audio=True).answer["loudness"]
    assert found["integrated_lufs"] == pytest.approx(-16, abs=1)
    assert found["true_peak_dbtp"] < 0


def test_another_target(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEO_LOUDNESS", "-23")
    found = heard(make, tmp_path, SOUNDS["loud"], normalize_audio=True).answer["loudness"]
    assert found["integrated_lufs"] == pytest.approx(-23, abs=1)


def test_every_language_is_as_loud(make: Make, tmp_path: Path) -> None:
    done = heard(make, tmp_path, SOUNDS["loud"], SOUNDS["quiet"], "0", normalize_audio=True)
    folder = done.hls / "audio2"
    init = read_init(folder / INIT)
    segments = tuple(read_segment(path, init.timescale) for path in sorted(folder.glob(SEGMENTS)))
    further = measure(done.again(), HLS, Track(folder.name, init.codec, segments))  # type: ignore[arg-type]
    assert further
    assert further.integrated_lufs == pytest.approx(-16, abs=1)
    assert done.answer["warnings"] == ["Sound track 3 is left as loud as it is: it is all but silent."]


def test_silence_stays_silent(make: Make, tmp_path: Path) -> None:
    answer = heard(make, tmp_path, "0", normalize_audio=True).answer
    assert answer["loudness"]["integrated_lufs"] == -70
    assert answer["warnings"] == ["The sound is left as loud as it is: it is all but silent."]


def test_nothing_is_changed_unless_asked_for(make: Make, tmp_path: Path) -> None:
    assert heard(make, tmp_path, SOUNDS["quiet"]).answer["loudness"]["integrated_lufs"] < -35
