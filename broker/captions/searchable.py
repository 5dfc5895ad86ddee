"""Has what is said in a recording found by a search: its captions, and what plugins have heard."""

from msgspec import structs

from broker.media.records import MediaRecord
from broker.task import NewTask

_KINDS = ("audio", "video")


def speech_task(media: MediaRecord, task_id: str, **options: float | str) -> NewTask | None:
    """The task of this id that reads all that is said in it anew; ``options`` are other members of ``NewTask``.

    None where there is no sound, where its upload has asked to be left out, and where its bytes have yet to come: the
    task that embeds them reads the rest then.
    """
    if media.kind not in _KINDS or media.info.get("embed") is False or media.fetch:
        return None
    payload = {"entity_type": media.kind, "entity_id": media.id, "speech_only": True}
    return structs.replace(NewTask("EmbeddingGeneration", payload, id=task_id), **options)
