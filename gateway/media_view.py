"""How an uploaded file is shown: its record, what its task is doing, and links that open its renditions."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec import structs

from broker.captions.caption import Caption, captions_of
from broker.clock import from_rfc3339, to_rfc3339
from broker.errors import NotFound, Unavailable
from broker.media.records import MediaRecord
from broker.plugin import NOTE
from broker.status import TERMINAL, Status
from broker.task import Task
from gateway.auth import Tenant
from gateway.current import broker, tenant
from gateway.followers import embedding_id
from gateway.master_playlist import CAPTIONS
from gateway.media_links import MediaLinks


def find(kind: str, media_id: UUID) -> MediaRecord:
    """The caller's file of this kind and id. Raises ``NotFound``."""
    record = broker().media.get(tenant().name, str(media_id))
    if record.kind != kind:
        raise NotFound(f"There is no {kind} with this id.")
    return record


def check_there(owner: Tenant, media_id: UUID) -> None:
    """Raises ``NotFound`` for a file that was deleted, of which bytes may lie there for some moments more.

    Where Redis cannot be asked, what is stored plays on.
    """
    try:
        if not broker().media.exists(owner.name, str(media_id)):
            raise NotFound()
    except Unavailable:
        return


def show(record: MediaRecord, task: Task | None, embedding: Task | None) -> dict[str, Any]:
    """What every kind of media shows, with its own task and the one that embeds it, which may be the same.

    Of a task that is no longer kept (``None``), the record tells how it ended.
    """
    view = {
        name: getattr(record, name)
        for name in ("id", "filename", "content_type", "size", "created_at", "task_id", "flow")
    }
    if record.fetch:  # nothing is known of it yet
        view |= {"content_type": None, "size": None}
    view["expires_at"] = _expiry(record)
    view["plugins"] = _plugins(record)
    view["tags"] = record.info.get("tags", [])
    view["index"] = _index(record, embedding)
    view["source_url"] = MediaLinks(record.id).source()
    return view | _standing(record, task)


def _standing(record: MediaRecord, task: Task | None) -> dict[str, Any]:
    """How its own task stands. Of one that made nothing of it before another did, the record tells, too."""
    if task is None or (record.made and task.status in (Status.FAILED, Status.CANCELLED)):
        return {"status": Status.COMPLETED if record.made else Status.FAILED, "progress": None, "error": None}
    return {"status": task.status, "progress": task.progress, "error": task.error}


def _index(record: MediaRecord, task: Task | None) -> dict[str, Any]:
    """Whether and how it can be searched for."""
    told = record.info.get("index") or {}
    index = {
        "task_id": task.id if task else None,
        "model": record.info.get("embedding_model"),
        "vectors": told.get("vectors"),
        "passages_left_out": told.get("passages_left_out", 0),
        "cut_off": told.get("cut_off", False),
        "ocr_pages": told.get("ocr_pages", 0),
        "ocr_pages_left_out": told.get("ocr_pages_left_out", 0),
    }
    status = _index_status(record, task)
    wrong = status != "indexed" and task is not None and task.status in (Status.FAILED, Status.SCHEDULED)
    return index | {"status": status, "error": task.error if task and wrong else None}


def left_out_of_search(record: MediaRecord) -> bool:
    """Whether nothing makes it searchable, nor has tried to."""
    ((_, _, embedding),) = states_of([record])
    return _index_status(record, embedding) == "left_out"


def _index_status(record: MediaRecord, task: Task | None) -> str:
    if "embedding_model" in record.info:
        return "indexed"
    if task is not None and task.status not in TERMINAL:
        return "waiting"
    if task is not None and task.status == Status.FAILED:
        return "failed"
    return "left_out"


def _expiry(record: MediaRecord) -> str | None:
    """The earlier of what the upload has asked for and what the operator allows."""
    days = broker().settings.media_retention_days
    longest = [] if days is None else [to_rfc3339(from_rfc3339(record.created_at) + int(days * 86_400 * 1_000_000))]
    return min([*longest, *([record.expires_at] if record.expires_at else [])], default=None)


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


def show_video(record: MediaRecord, task: Task | None, embedding: Task | None) -> dict[str, Any]:
    """A video, with fresh links."""
    info, links = record.info, MediaLinks(record.id)
    return show(record, task, embedding) | {
        "keep_source": record.keep_source,
        "source_removed_at": record.source_removed_at,
        **{name: info.get(name) for name in ("width", "height", "duration_seconds", "profile", "encoder")},
        "variants": [
            {"encoder": None} | each | {"download_url": links.download(each["name"])}
            for each in info.get("variants", [])
        ],
        "audio_tracks": info.get("audio_tracks", []),
        "loudness": info.get("loudness"),
        **_playable(record, task),
        "hls_url": links.stream("master.m3u8"),
        "poster_url": _poster(record, links),
        "storyboard_url": links.stream(f"{record.stream}storyboard/storyboard.vtt") if info.get("storyboard") else None,
        "thumbnail_url": thumbnail(record),
        "captions": show_captions(record),
    }


def show_captions(record: MediaRecord) -> list[dict[str, Any]]:
    """All captions of a video."""
    return [show_caption(record.id, each) for each in captions_of(record)]


def show_caption(video_id: str, caption: Caption) -> dict[str, Any]:
    """One, with a fresh link to its text."""
    return structs.asdict(caption) | {"url": MediaLinks(video_id).stream(f"{CAPTIONS}/{caption.id}.vtt")}


def _playable(record: MediaRecord, task: Task | None) -> dict[str, Any]:
    """How much of a video can be played: all of it once it is made, what there is while its task goes on."""
    if "variants" in record.info:
        return {"playable": True, "playable_seconds": record.info.get("duration_seconds")}
    seconds = record.info.get("playable_seconds", 0) if task and task.status not in TERMINAL else 0
    return {"playable": seconds > 0, "playable_seconds": seconds or None}


def picture(record: MediaRecord | None) -> str | None:
    """A link to what the file looks like: an image itself, the poster of a video that has one."""
    if record is None:
        return None
    links = MediaLinks(record.id)
    if record.kind == "image":
        return links.source()
    return _poster(record, links)


def thumbnail(record: MediaRecord | None) -> str | None:
    """A link to small pictures of the file, as wide as is asked for; ``None`` where there are none, or none yet."""
    if record is None or record.fetch:
        return None
    if record.kind == "image":
        return MediaLinks(record.id).image_thumbnail()
    return MediaLinks(record.id).thumbnail() if record.kind == "video" and record.info.get("variants") else None


def _poster(record: MediaRecord, links: MediaLinks) -> str | None:
    return links.stream(f"{record.stream}poster.jpg") if record.info.get("variants") else None


def show_document(record: MediaRecord, task: Task | None, embedding: Task | None) -> dict[str, Any]:
    """A document, with a link that browsers open."""
    return show(record, task, embedding) | {"view_url": MediaLinks(record.id).view(record)}


def show_image(record: MediaRecord, task: Task | None, embedding: Task | None) -> dict[str, Any]:
    """An image, with a fresh link to small pictures of it."""
    return show(record, task, embedding) | {"thumbnail_url": thumbnail(record)}


def show_audio(record: MediaRecord, task: Task | None, embedding: Task | None) -> dict[str, Any]:
    """An audio file, with what it says about itself."""
    sound = record.info.get("sound") or {}
    tags = {name: sound.get(name) for name in ("title", "artist", "album", "genre")}
    return show(record, task, embedding) | {"duration_seconds": record.info.get("duration_seconds"), **tags}


def states_of(records: Sequence[MediaRecord]) -> list[tuple[MediaRecord, Task | None, Task | None]]:
    """Each record with its task and the one that embeds it, ``None`` where there is none (any more)."""
    ids = {record.id: (record.task_id or "", _embedding_id(record)) for record in records}
    wanted = {each for pair in ids.values() for each in pair if each}
    found = broker().tasks.get_many(tenant().name, sorted(wanted)) if wanted else {}
    return [(record, found.get(ids[record.id][0]), found.get(ids[record.id][1])) for record in records]


def _embedding_id(record: MediaRecord) -> str:
    return embedding_id(UUID(record.id)) if record.kind == "video" else record.task_id or ""
