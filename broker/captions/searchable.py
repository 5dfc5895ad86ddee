"""Has what is said in a recording found by a search: its captions, and what plugins have heard."""

from uuid import UUID, uuid5

from msgspec import structs

from broker.media.records import MediaRecord
from broker.task import NewTask

#: Kinds of files in which something may be said.
SPOKEN = frozenset({"audio", "video"})


def speech_task(media: MediaRecord, cause: str, **options: float | str) -> NewTask | None:
    """The task that reads all that is said in it anew, one for each ``cause``, a UUID; ``options`` are other members of
    ``NewTask``.

    None where there is no sound, where its upload has asked to be left out, and where its bytes have yet to come: the
    task that embeds them reads the rest then.
    """
    if media.kind not in SPOKEN or media.info.get("embed") is False or media.fetch:
        return None
    payload = {"entity_type": media.kind, "entity_id": media.id, "speech_only": True}
    return structs.replace(NewTask("EmbeddingGeneration", payload, id=str(uuid5(UUID(cause), "speech"))), **options)
