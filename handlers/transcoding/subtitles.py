"""Makes captions of the subtitle tracks of an uploaded file. No subtitles make a video fail."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from broker.captions.caption import as_note, store
from broker.captions.cues import Cue
from broker.captions.reading import MAX_BYTES, InvalidCaptions, read_captions
from broker.context import TaskContext
from broker.errors import PermanentError
from broker.media.records import MediaRecord
from handlers.media.bounds import INPUT_OPTIONS, RECORDING
from handlers.media.decoding import decode_one
from handlers.transcoding import ffmpeg
from handlers.transcoding.graph import GLOBAL
from handlers.transcoding.text_track import TextTrack

_FIND = "handlers.transcoding.texts:find"
_EMBEDDED = "embedded"
#: Tracks that become captions. A look at a file's head, and a pass over a whole one, take no more seconds.
_MOST, _LOOK, _GRACE = 50, 60.0, 900.0


def caption(context: TaskContext, path: Path, demuxer: str, media: MediaRecord) -> tuple[dict[str, Any], list[str]]:
    """Keeps the captions of the file; answers what the record's ``info`` gets of them, and what was left out.

    They come with the first transcoding: who has taken them away since does not get them back by another.
    """
    if media.made:
        return {}, []
    found = decode_one(_FIND, str(path), demuxer, limits=RECORDING, seconds=min(context.seconds_left(), _LOOK))
    tracks = [TextTrack(**each) for each in found]
    used, empty = tracks[:_MOST], 0
    notes: dict[str, Any] = {}
    if used and not _extract(context, path, demuxer, used):
        return {}, ["The subtitle tracks cannot be read: published without them."]
    for each in used:
        cues = _read(context.scratch / _name(each))
        empty += not cues
        if cues:
            notes |= _keep(context, media, each, cues)
    return notes, _left_out(len(tracks) - len(used), empty)


def _extract(context: TaskContext, path: Path, demuxer: str, tracks: Sequence[TextTrack]) -> bool:
    """Whether ffmpeg has written the tracks, each as a WebVTT file, in one pass."""
    argv = [ffmpeg.binary(), *GLOBAL, "-f", demuxer]
    argv += [part for name, value in INPUT_OPTIONS.items() for part in (f"-{name}", value)]
    argv += ["-i", f"file:{path}"]
    for each in tracks:
        argv += ["-map", f"0:{each.track}", "-c:s", "webvtt", "-fs", str(MAX_BYTES), "-f", "webvtt", _name(each)]
    try:
        ffmpeg.encode(context, argv, "total_size", lambda done: None, _GRACE)
    except (PermanentError, ffmpeg.Stalled):
        return False
    return True


def _name(track: TextTrack) -> str:
    return f"subtitles_{track.track}.vtt"


def _read(path: Path) -> list[Cue]:
    """What can be used of what ffmpeg has written."""
    try:
        with path.open("rb") as file:
            return read_captions(file.read(MAX_BYTES), strict=False)
    except (FileNotFoundError, InvalidCaptions):
        return []


def _keep(context: TaskContext, media: MediaRecord, track: TextTrack, cues: Sequence[Cue]) -> dict[str, Any]:
    """Under an id that is the track's in every run."""
    caption_id = str(uuid5(UUID(media.id), f"{_EMBEDDED} {track.track}"))
    about = {"language": track.language, "label": track.label, "source": _EMBEDDED}
    return as_note(store(context.storage, context.tenant, media.id, caption_id, cues, **about))


def _left_out(more: int, empty: int) -> list[str]:
    said = [f"{more} further subtitle track{' is' if more == 1 else 's are'} left out."] if more else []
    if empty:
        said.append(f"{empty} subtitle track{' is' if empty == 1 else 's are'} left out: no text can be read of it.")
    return said
