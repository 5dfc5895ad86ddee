"""Guards what a waveform measures: as many parts as were asked for, each with the extremes of its own samples."""

import json
from pathlib import Path

import av
import numpy as np
import pytest

from handlers.plugins import peaks
from handlers.plugins.waveform import Waveform
from tests.handlers.plugins.test_local import kept, made, start
from tests.handlers.transcoding.sources import AAC, X264, picture, sound

RATE = 8_000


def noise(folder: Path, seconds: float) -> tuple[bytes, np.ndarray]:
    """A WAV file and its samples."""
    data = made(
        folder, "a.wav", "-f", "lavfi", "-i", f"anoisesrc=a=0.5:d={seconds}:r={RATE}:seed=1", "-c:a", "pcm_s16le"
    )
    return data, np.frombuffer(data[-int(2 * seconds * RATE) :], "<i2")


def extremes(samples: np.ndarray, part: int) -> list[int]:
    parts = [samples[start : start + part] >> 8 for start in range(0, len(samples), part)]
    return [int(extreme) for each in parts for extreme in (each.min(), each.max())]


@pytest.mark.parametrize("most_parts", [4_000_000, 50_000], ids=["kept whole", "taken together"])
@pytest.mark.parametrize(("seconds", "points", "expected"), [(30, 1000, 1000), (10, 1000, 1000), (3.3, 1000, 978)])
def test_as_many_points_as_were_asked_for(
    tmp_path: Path, seconds: float, points: int, expected: int, most_parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From ``points`` squared samples on exactly, below that as many as whole samples allow."""
    monkeypatch.setattr(peaks, "_MOST_PARTS", most_parts)
    _, samples = noise(tmp_path, seconds)
    *_, found = peaks.listen(str(tmp_path / "a.wav"), points)
    assert found["points"] == expected
    wave = json.loads(found["waveform.json"])
    wanted = extremes(samples, wave["samples_per_pixel"])
    if most_parts > len(samples):
        assert wave["data"] == wanted
    else:
        assert np.abs(np.array(wave["data"]) - wanted).mean() < 1.5


def test_a_damaged_packet_costs_no_more_than_itself(tmp_path: Path) -> None:
    data = bytearray(made(tmp_path, "a.mp4", *picture("64x48", seconds=4), *sound(4), *X264, *AAC))
    with av.open(str(tmp_path / "a.mp4")) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(audio=0) if packet.size]
    at, size = packets[len(packets) // 2]
    data[at : at + size] = b"\xff" * size
    found, _ = start(tmp_path, Waveform(), bytes(data), "video", points=100)
    assert found["duration_seconds"] == pytest.approx(4, abs=0.2)


def test_sound_may_change_from_stereo_to_mono_midway(tmp_path: Path) -> None:
    parts = [made(tmp_path, f"{ways}.ts", *sound(2), "-c:a", "mp2", "-ac", ways, "-ar", "48000") for ways in "21"]
    found, task = start(tmp_path, Waveform(), parts[0] + parts[1], "audio", points=100)
    assert found["duration_seconds"] == pytest.approx(4, abs=0.2)
    assert json.loads(kept(task, "waveform", "waveform.json"))["length"] == 100


@pytest.mark.parametrize("name", ["a.mp2", "a.ac3", "a.eac3", "a.au", "a.amr"])
def test_what_has_no_index_is_heard_to_its_end(tmp_path: Path, name: str) -> None:
    one_channel = ("-ac", "1", "-ar", "8000") if name == "a.amr" else ()
    made(tmp_path, name, *sound(3), *one_channel)
    *_, found = peaks.listen(str(tmp_path / name), 100)
    assert found["duration_seconds"] == pytest.approx(3, abs=0.1)
    assert found["peak"] > 0.05
