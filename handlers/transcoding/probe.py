"""Looks at an untrusted file through ``scan``, which runs as a bounded program of its own."""

import json
import os
import sys
from pathlib import Path

from broker.context import TaskContext
from broker.errors import PermanentError
from broker.media.sniff import HEAD_BYTES, sniff
from handlers.transcoding.program import check_not_killed, log_tail, program
from handlers.transcoding.source import MAX_SECONDS, Source


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
    argv = [sys.executable, "-P", "-m", "handlers.transcoding.scan", demuxer, str(path)]
    with program(context, argv, PYTHONPATH=os.pathsep.join(filter(None, sys.path))) as process:
        answer, _ = process.communicate()
    check_not_killed(process.returncode, "The look at the video")
    if process.returncode:
        context.log.warning("scan ended with %d: %s", process.returncode, log_tail(context.scratch))
        raise PermanentError("The file cannot be read; it is damaged or needs too much memory.")
    found = json.loads(answer)
    if "error" in found:
        raise PermanentError(found["error"])
    source = Source(**found)
    if max(source.video_seconds, source.audio_seconds) > MAX_SECONDS:
        raise PermanentError(f"The video is longer than {MAX_SECONDS // 3600} hours.")
    return source
