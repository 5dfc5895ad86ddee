"""How an uploaded file is shown: its record, what its task is doing, and links that open its renditions."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from broker.errors import NotFound
from broker.media.records import MediaRecord
from broker.plugin import NOTE
from broker.status import Status
from broker.task import Task
from gateway.current import broker, tenant
from gateway.media_links import MediaLinks

#: What the task of an upload adds to the record's ``info`` when it completes.
_MADE = {"video": "variants", "image": "embedding_model"}


def find(kind: str, media_id: UUID) -> MediaRecord:
    """The caller's file of this kind and id. Raises ``NotFound``."""
    record = broker().media.get(tenant().name, str(media_id))
    if record.kind != kind:
        raise NotFound(f"There is no {kind} with this id.")
    return record


def show(record: MediaRecord, task: Task | None) -> dict[str, Any]:
    """What every kind of media shows. Of a task that is no longer kept (``None``), the record tells how it ended."""
    view = {name: getattr(record, name) for name in ("id", "filename", "content_type", "size", "created_at", "task_id")}
    view["plugins"] = _plugins(record)
    if task is None:
        made = _MADE[record.kind] in record.info
        return view | {"status": Status.COMPLETED if made else Status.FAILED, "progress": None, "error": None}
    return view | {"status": task.status, "progress": task.progress, "error": task.error}


def _plugins(record: MediaRecord) -> dict[str, Any]:
    """What plugins have answered last, by name, with fresh links to what they have made."""
    noted = {name.removeprefix(NOTE): note for name, note in record.info.items() if name.startswith(NOTE)}
    if not noted:
        return {}
    links = MediaLinks(record.id)
    return {
        name: note | {"files": links.files(name, note["task_id"], note["files"])}
        for name, note in sorted(noted.items())
    }


def show_video(record: MediaRecord, task: Task | None) -> dict[str, Any]:
    """A video, with fresh links."""
    info, links = record.info, MediaLinks(record.id)
    return show(record, task) | {
        **{name: info.get(name) for name in ("width", "height", "duration_seconds")},
        "variants": info.get("variants", []),
        "hls_url": links.stream("master.m3u8"),
        "poster_url": links.stream("poster.jpg") if info.get("variants") else None,
    }


def tasks_of(records: Sequence[MediaRecord]) -> list[Task | None]:
    """The task of each record, ``None`` where it is no longer kept."""
    found = broker().tasks.get_many(tenant().name, [record.task_id for record in records if record.task_id])
    return [found.get(record.task_id or "") for record in records]
