"""Guards the choice of frames: each scene is seen, upright, whatever the key frames; nothing hostile is opened."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from broker.errors import PermanentError

np = pytest.importorskip("numpy", reason="needs the extra media")
av = pytest.importorskip("av", reason="needs the extra media")
video = pytest.importorskip("handlers.embedding.reading.video", reason="needs the extra embed")

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
RATE = 10


def film(path: Path, scenes: Sequence[tuple[int, int, int]], key_every: int, frames_each: int = 10) -> Path:
    """A small H.264 video of plain scenes, black at the left, every ``key_every``-th frame a key frame."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.time_base = Fraction(1, RATE)
        stream.options = {"g": str(key_every), "keyint_min": str(key_every), "sc_threshold": "0"}
        for scene in scenes:
            picture = np.full((64, 96, 3), scene, np.uint8)
            picture[:, :16] = 0
            for _ in range(frames_each):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def colours(path: Path) -> list[tuple[int, ...]]:
    """The strongest of red, green and blue in the middle of each chosen frame."""
    middles = [frame.getpixel((frame.width // 2, frame.height // 2)) for _, frame in video.read_frames(path)]
    return [tuple(255 if part > 128 else 0 for part in middle) for middle in middles]


@pytest.mark.parametrize("key_every", [5, 1000], ids=["key frames", "a single key frame"])
def test_each_scene_is_seen_once(tmp_path: Path, key_every: int) -> None:
    assert colours(film(tmp_path / "a.mp4", [RED, GREEN, BLUE], key_every)) == [RED, GREEN, BLUE]


@pytest.mark.parametrize("key_every", [5, 1000], ids=["key frames", "a single key frame"])
def test_each_frame_tells_when_it_is_shown(tmp_path: Path, key_every: int) -> None:
    found = video.read_frames(film(tmp_path / "a.mp4", [RED, GREEN, BLUE], key_every))
    assert [frame.at for frame in found] == [0.0, 1.0, 2.0]


def test_of_very_many_scenes_some_are_taken_evenly_from_the_whole_length(tmp_path: Path) -> None:
    scenes = [(number * 255 // 300, 0, 255 * (number % 2)) for number in range(300)]
    found = video.read_frames(film(tmp_path / "a.mp4", scenes, 1, frames_each=1))
    frames = [frame.image for frame in found]
    assert len(frames) == 32
    redder = np.diff([frame.getpixel((48, 32))[0] for frame in frames])
    assert redder.sum() > 230
    assert redder.max() < 2.5 * redder.mean()


def test_a_telephone_held_upright_gives_upright_frames(tmp_path: Path) -> None:
    source = film(tmp_path / "source.mp4", [RED], 5)
    rotated = tmp_path / "rotated.mp4"
    rotate(source, rotated)
    ((_, frame),) = video.read_frames(rotated)
    assert frame.size == (64, 96)
    assert frame.getpixel((32, 8))[0] < 30
    assert frame.getpixel((32, 88))[0] > 225


def rotate(source: Path, target: Path) -> None:
    """Sets the quarter turn of ISO/IEC 14496-12's track header, as telephones do, without encoding anew."""
    data = bytearray(source.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40
    one, zero, minus_one, last = (value.to_bytes(4, "big", signed=True) for value in (1 << 16, 0, -1 << 16, 1 << 30))
    width = (64 << 16).to_bytes(4, "big")
    data[matrix : matrix + 36] = zero + one + zero + minus_one + zero + zero + width + zero + last
    target.write_bytes(data)


def test_what_was_filmed_before_a_damage_is_kept(tmp_path: Path) -> None:
    whole = film(tmp_path / "a.ts", [RED, GREEN, BLUE], 5).read_bytes()
    damaged = tmp_path / "b.ts"
    damaged.write_bytes(whole[: len(whole) * 2 // 3])
    assert colours(damaged)[0] == RED


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize("data", [b"", b"\0" * 4096, b"\0\0\0\x18ftypmp42" + b"x" * 500, PLAYLIST])
def test_what_is_no_video_fails_for_good_in_one_clear_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    with pytest.raises(PermanentError, match="cannot be read as a video") as refused:
        video.read_frames(path)
    assert str(tmp_path) not in refused.value.message
