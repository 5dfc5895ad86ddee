"""Transcodes one video: look at it and plan, see and hear it, publish."""

from typing import Any

from broker.captions.searchable import speech_task
from broker.context import TaskContext
from broker.errors import NotFound, PermanentError, TaskTimeout
from broker.media import paths
from broker.media.records import MediaRecord, no_source
from handlers.transcoding import ffmpeg
from handlers.transcoding.asked import give_up_hardware
from handlers.transcoding.complete import complete
from handlers.transcoding.encoder import HardwareFailed, NotPackaged
from handlers.transcoding.helping import help_with
from handlers.transcoding.making import make
from handlers.transcoding.manifest import Manifest, Mismatch
from handlers.transcoding.prepare import look_and_plan, take_up
from handlers.transcoding.progress import Progress
from handlers.transcoding.publish import withdraw
from handlers.transcoding.version import folder_of, switched

#: What is remembered of a run that ended so.
_STALLED, _WITHDRAWN = "stalled", "withdrawn"


def transcode(context: TaskContext) -> dict[str, Any] | None:
    """The handler of VideoTranscoding: see ``VideoTranscodingResult`` for its answer; none where it helps another."""
    media = context.media(context.payload["video_id"])
    if context.part_of:
        help_with(context, media)
        return None
    progress = Progress(context)
    try:
        return _transcode(context, media, progress)
    except PermanentError as error:
        if _goes_another_way(context, error):
            return transcode(context)
        _withdraw(context, media)
        raise
    except Mismatch:
        Manifest(context, media.id).remove()
        raise
    except ffmpeg.Stalled as error:
        if context.recall(_STALLED):
            _withdraw(context, media)
            raise PermanentError("The video cannot be decoded: ffmpeg has made no progress on it, twice.") from error
        context.remember(_STALLED, True)
        raise
    except TaskTimeout as error:  # it would take as long again
        _withdraw(context, media)
        raise PermanentError(
            f"The task's timeout was over at {progress.percent:.0f} %; try again with a longer timeout_seconds."
        ) from error


def _transcode(context: TaskContext, media: MediaRecord, progress: Progress) -> dict[str, Any]:
    folder = folder_of(context, media)
    try:
        stored = context.storage.stat(media.source_key)
        with context.storage.local_file(media.source_key) as path:
            progress.probing()
            prefix = paths.hls(context.tenant, media.id, folder)
            video = look_and_plan(context, media, stored, path, prefix, keep=True)
            manifest = take_up(context, media, stored, video)
            made = make(context, media, video, manifest, progress)
    except NotFound as error:
        raise no_source(media) from error
    facts = complete(context, video, made, folder, progress)
    context.attach(media.id, **switched(context, media, folder, facts), **made.captions)
    manifest.remove()
    if made.captions and (task := speech_task(media, context.task_id, background=True)):
        context.follow_with(task)
    return {"video_id": media.id, **facts}


def _goes_another_way(context: TaskContext, error: PermanentError) -> bool:
    """Whether this run can be made anew: by encoding all of it, or by software."""
    return isinstance(error, NotPackaged) or (isinstance(error, HardwareFailed) and give_up_hardware(context))


def _withdraw(context: TaskContext, media: MediaRecord) -> None:
    """Remove what was stored of a video that cannot be made. What an earlier task has made of it stays."""
    context.remember(_WITHDRAWN, True)  # which is refused when another run may be making it
    Manifest(context, media.id).remove()
    withdraw(context.storage, paths.hls(context.tenant, media.id, folder_of(context, media)))
