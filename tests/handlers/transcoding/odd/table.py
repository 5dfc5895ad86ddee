"""What one row of the corpus says."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.handlers.transcoding.sources import AAC, X264

#: A second of pictures, and of sound.
PICTURES = ("-f", "lavfi", "-i", "testsrc2=s=64x64:r=25:d=1")
SOUND = ("-f", "lavfi", "-i", "anoisesrc=a=0.1:d=1")
BOTH = (*PICTURES, *SOUND)
H264 = (*X264, *AAC)
MPEG = ("-c:v", "mpeg2video", "-c:a", "mp2")

#: What is done to the bytes of a file that was made.
Change = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Odd:
    """How a file is made by ffmpeg and then changed; what is made of it, or the words with which it is refused."""

    made: tuple[str, ...]
    change: Change = bytes
    #: Of the smallest rendition.
    size: tuple[int, int] = (64, 64)
    rungs: int = 1
    #: Pictures per second, and how many of them.
    rate: str = "25"
    frames: int = 25
    sounds: int = 0
    #: Each is found in a warning, and there are no others.
    warnings: tuple[str, ...] = ()
    refused: str = ""


def cut(part: float) -> Change:
    """The first ``part`` of a file."""
    return lambda data: data[: int(len(data) * part)]


def replaced(old: bytes, new: bytes) -> Change:
    """Everywhere; both are equally long."""

    def change(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new)

    return change


def shifted(track: str, after: str, by: str) -> tuple[str, ...]:
    """A bit stream filter that adds ``by`` seconds to the times of the packets ``after`` so many."""
    return (f"-bsf:{track}", rf"setts=ts=TS+if(gt(TS*TB\,{after})\,({by})/TB\,0)")
