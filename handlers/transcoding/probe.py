"""Looks at an untrusted file through ``scan``, which runs in the decoder."""

from pathlib import Path

from broker.context import TaskContext
from broker.errors import PermanentError
from broker.media.sniff import HEAD_BYTES, sniff
from handlers.media.bounds import RECORDING
from handlers.media.decoding import decode_one
from handlers.transcoding.source import MAX_SECONDS, Source

_LOOK = "handlers.transcoding.scan:look"


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
    found = decode_one(_LOOK, str(path), demuxer, limits=RECORDING, seconds=context.seconds_left())
    source = Source(**found)
    if max(source.video_seconds, source.audio_seconds) > MAX_SECONDS:
        raise PermanentError(f"The video is longer than {MAX_SECONDS // 3600} hours.")
    return source
