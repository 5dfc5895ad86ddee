"""Which file a task is about, by its name."""

from collections.abc import Iterable
from typing import Any

from scripts.cli.api import Api
from scripts.cli.failure import Failure
from scripts.cli.words import clean

KINDS = ("video", "image", "audio", "document")
#: Files of a kind that are looked through: the most that the API lists at once.
_NEWEST = 100


def file_of(api: Api, payload: dict[str, Any]) -> str:
    """``holiday.mp4 (video 550e8400-...)``; '' of a task that is about none, or one that is gone."""
    media_id, kinds = _told(payload)
    for kind in kinds if media_id else ():
        try:
            media = api.get(f"/api/{kind}s/{media_id}")
        except Failure:  # the task is what was asked for
            continue
        return f"{clean(media['filename'])} ({kind} {clean(media_id)})"
    return ""


def names_of(api: Api, payloads: Iterable[dict[str, Any]]) -> dict[str, str]:
    """The names of the files that payloads are about, by their ids, of those among the newest of their kind."""
    wanted = {media_id: kinds for media_id, kinds in map(_told, payloads) if media_id}
    names: dict[str, str] = {}
    for kind in KINDS:
        if any(kind in kinds for media_id, kinds in wanted.items() if media_id not in names):
            try:
                found = api.get(f"/api/{kind}s", limit=_NEWEST)[f"{kind}s"]
            except Failure:  # the tasks are what was asked for
                return names
            names |= {each["id"]: clean(each["filename"]) for each in found if each["id"] in wanted}
    return names


def media_id_of(payload: dict[str, Any]) -> str:
    """The id of the file that a payload is about; '' for none."""
    return _told(payload)[0]


def _told(payload: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    media_id = payload.get("video_id") or payload.get("entity_id") or payload.get("media_id")
    told = "video" if "video_id" in payload else payload.get("entity_type")
    return media_id if isinstance(media_id, str) else "", (told,) if told in KINDS else KINDS
