"""Looks at an untrusted file through ``scan``, which runs in the decoder."""

from pathlib import Path
from typing import Any

from broker.context import TaskContext
from broker.errors import PermanentError
from broker.media.sniff import HEAD_BYTES, sniff
from handlers.media.bounds import RECORDING
from handlers.media.decoding import decode_one
from handlers.transcoding.colours import Colours
from handlers.transcoding.source import SoundTrack, Source

_LOOK = "handlers.transcoding.scan:look"
#: A look takes no more seconds, plus what reading the file takes at so many bytes a second.
_LONGEST, _SLOWEST = 900.0, 2_000_000


def recognise(path: Path) -> str:
    """The demuxer for a video file, told from its first bytes. Raises ``PermanentError`` for anything else."""
    with path.open("rb") as file:
        found = sniff(file.read(HEAD_BYTES))
    if found is None or found.kind != "video" or found.demuxer is None:
        raise PermanentError(
            "This is not a video file that can be transcoded; send MP4, MOV, WebM, MKV, AVI, MPEG, WMV, FLV or Ogg."
        )
    return found.demuxer


def probe(context: TaskContext, path: Path, demuxer: str) -> Source:
    """What the file holds. Raises ``PermanentError`` in a person's words when that is nothing to transcode."""
    seconds = min(context.seconds_left(), _LONGEST + path.stat().st_size / _SLOWEST)
    found = decode_one(_LOOK, str(path), demuxer, limits=RECORDING, seconds=seconds)
    return as_source(found)


def as_source(found: dict[str, Any]) -> Source:
    """The inverse of ``asdict``, also when tuples have become lists on the way."""
    found["colours"] = Colours(**found["colours"])
    found["sound"] = tuple(SoundTrack(*each) for each in found["sound"])
    found["warnings"] = tuple(found["warnings"])
    return Source(**found)
