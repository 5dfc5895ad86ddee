"""Videos for measuring search: slides of four photographs each, cut hard, with a slow pan."""

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import av
from PIL import Image, ImageOps

VIDEOS, SCENES = 12, 4
_WIDTH, _HEIGHT, _RATE, _KEY_FRAMES = 640, 360, 10, 40
#: Seconds that a photograph is shown, and how much wider than the video it is made for the pan.
_SHORTEST, _LONGEST, _WIDER = 3, 15, 1.15


def videos(photographs: Mapping[str, Path], folder: Path) -> dict[Path, list[str]]:
    """Each video, and the names of the photographs that are in no other; the same each time, and kept in ``folder``."""
    chance = random.Random(5)
    names = sorted(photographs)
    chance.shuffle(names)
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for number in range(min(VIDEOS, len(names) // SCENES)):
        shown = names[SCENES * number : SCENES * (number + 1)]
        seconds = [chance.randint(_SHORTEST, _LONGEST) for _ in shown]
        path = folder / f"video-{number}.mp4"
        if not path.exists():
            _write(path, [photographs[name] for name in shown], seconds)
        found[path] = shown
    return found


def _write(path: Path, photographs: Sequence[Path], seconds: Sequence[int]) -> None:
    begun = path.with_suffix(".part")
    with av.open(str(begun), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=_RATE)
        stream.width, stream.height, stream.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        stream.options = {"g": str(_KEY_FRAMES), "preset": "veryfast"}
        for photograph, length in zip(photographs, seconds, strict=True):
            for picture in _panned(photograph, length * _RATE):
                container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())
    begun.rename(path)


def _panned(photograph: Path, count: int) -> Iterator[Image.Image]:
    with Image.open(photograph) as opened:
        wide = ImageOps.fit(opened.convert("RGB"), (round(_WIDTH * _WIDER), round(_HEIGHT * _WIDER)))
    for number in range(count):
        at = number / count
        left, top = (round(at * (_WIDER - 1) * side) for side in (_WIDTH, _HEIGHT))
        yield wide.crop((left, top, left + _WIDTH, top + _HEIGHT))
