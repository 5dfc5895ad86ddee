"""Which version of a video's stream a run makes: the first, or one that takes the place of another when it is done.

The first is for the task of the upload to make, and plays while it is made. Any other, also one that is made meanwhile,
lies in a folder of its own beside the first, named by its task: no two tasks ever write below the same names. Players
that have opened another go on with that; the record says, in the transaction that completes the task, which one is
opened from then on.
"""

from typing import Any

from broker.clock import Clock, to_rfc3339
from broker.context import TaskContext
from broker.media.records import REPLACED, STREAM, MediaRecord


def maker(context: TaskContext) -> str:
    """The task whose version this run makes, or helps to make."""
    return context.part_of or context.task_id


def makes_first(context: TaskContext, media: MediaRecord) -> bool:
    """Whether this run makes, or helps to make, the first version.

    Also one that goes on when another task has made the video meanwhile: it takes up what lies there.
    """
    first_is_made = media.made and (not media.stream or REPLACED in media.info)
    return maker(context) == media.task_id and not first_is_made


def grows(context: TaskContext, media: MediaRecord) -> bool:
    """Whether what this run makes plays while it is made."""
    return makes_first(context, media) and not media.made


def folder_of(context: TaskContext, media: MediaRecord) -> str:
    """Where the version that this run makes, or helps to make, lies below the video's streams.

    Empty, or a name with a slash at its end.
    """
    return "" if makes_first(context, media) else f"{maker(context)}/"


def switched(context: TaskContext, media: MediaRecord, folder: str, facts: dict[str, Any]) -> dict[str, Any]:
    """What the record gets of ``facts``, the task's answer, so that this version is the one that is opened."""
    current = context.media(media.id)
    before = current.stream
    if not (folder or before):
        return facts
    below = {
        name: [each | {"playlist": f"{folder}{each['playlist']}"} for each in facts[name]]
        for name in ("variants", "audio_tracks")
    }
    # There may be none before: then the first is still being made, and what is told replaced was complete.
    replaced = {f"{REPLACED}{before.rstrip('/')}": to_rfc3339(Clock().now_us())} if current.made else {}
    return facts | below | {STREAM: folder.rstrip("/")} | replaced
