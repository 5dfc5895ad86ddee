"""What follows the task of an upload: ``then``, a list of plugins by their names, and of the word ``embedding``."""

import logging
from collections.abc import Iterator, Sequence
from uuid import UUID, uuid5

from broker.captions.searchable import speech_task
from broker.defects import Defect
from broker.errors import Deleted, InvalidInput, QueueFull, QuotaExceeded
from broker.media.records import MediaRecord
from broker.task import NewTask
from broker.tasks.submission import Submission
from gateway import plugin_settings
from gateway.current import broker, services, tenant

log = logging.getLogger(__name__)

#: The word for the task that makes a file searchable, and its type; no plugin is named so.
EMBEDDING, EMBEDDING_TYPE = "embedding", "EmbeddingGeneration"


def check_followers(kind: str, names: Sequence[str], own_type: str) -> None:
    """Raises ``InvalidInput`` for what cannot be done with a file of this kind, whose own task is of ``own_type``."""
    if defects := list(_defects(kind, names, own_type)):
        raise InvalidInput(errors=defects)


def embedding_id(media_id: UUID) -> str:
    """The id of the task that embeds a file whose own task does something else."""
    return str(uuid5(media_id, f"then {EMBEDDING}"))


def embedding_beside(media_id: UUID, kind: str, own: Submission) -> Submission:
    """The task that embeds a file beside the upload's ``own``: if one of them fails, the other goes on.

    In the background, so that nobody waits for it to see a video play.
    """
    _, payload = _work(media_id, kind, EMBEDDING)
    new = NewTask(EMBEDDING_TYPE, payload, id=embedding_id(media_id), background=True, group=own.group, tags=own.tags)
    return broker().tasks.check(new)


def have_speech_searched(media: MediaRecord, cause: str, **options: float) -> None:
    """Has a search find what is said in it by now, once for each ``cause``, a UUID.

    Where a quota refuses that, it does with the next such task. ``options`` are other members of
    ``NewTask``. Raises ``Unavailable``.
    """
    if task := speech_task(media, cause, tags=media.info.get("tags", []), **options):
        try:
            broker().tasks.submit(tenant().name, task)
        except (Deleted, QueueFull, QuotaExceeded) as error:
            log.warning("what is said in %s is not embedded: %s", media.id, error.message)


def followers(
    media_id: UUID,
    kind: str,
    names: Sequence[str],
    own: Sequence[Submission],
    *,
    group: str | None = None,
    tags: list[str] = [],  # noqa: B006  (as NewTask has it)
) -> list[Submission]:
    """The tasks of these names, in the flow that has the file's id.

    They depend on the upload's ``own`` task, if it has one.
    """
    found = []
    for name in names:
        type_name, payload = _work(media_id, kind, name)
        own_id = str(uuid5(media_id, f"then {name}"))
        new = NewTask(
            type_name,
            payload,
            id=own_id,
            depends_on=[str(each.id) for each in own],
            flow=str(media_id),
            group=group,
            tags=tags,
        )
        found.append(broker().tasks.check(new))
    return found


def _work(media_id: UUID, kind: str, name: str) -> tuple[str, dict[str, str]]:
    if name == EMBEDDING:
        return EMBEDDING_TYPE, {"entity_type": kind, "entity_id": str(media_id)}
    return "PluginExecution", {"plugin_name": name, "media_id": str(media_id), "tenant_id": tenant().name}


def _defects(kind: str, names: Sequence[str], own_type: str) -> Iterator[Defect]:
    for position, name in enumerate(names):
        if detail := _defect(kind, name, own_type):
            yield {"pointer": f"then/{position}", "detail": detail}
        elif name in names[:position]:
            yield {"pointer": f"then/{position}", "detail": "Named more than once."}


def _defect(kind: str, name: str, own_type: str) -> str:
    if name == EMBEDDING:
        return f"This is what every {kind} is uploaded for." if own_type == EMBEDDING_TYPE else ""
    plugin = services().plugins.get(name)
    if plugin is None:
        return f"There is no plugin of this name; {EMBEDDING} is the word for what makes a file searchable."
    if kind not in plugin.media_types:
        return f"This plugin takes {', '.join(sorted(plugin.media_types))}; the file is of kind {kind}."
    if not plugin_settings.enabled(plugin):
        return f"This plugin lacks settings: PUT them to /api/plugins/{name}/config, as its config_schema says."
    return ""
