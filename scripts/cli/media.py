"""Which file a task is about, by its name."""

from typing import Any

from scripts.cli.api import Api
from scripts.cli.failure import Failure
from scripts.cli.words import clean

KINDS = ("video", "image", "audio", "document")


def file_of(api: Api, payload: dict[str, Any]) -> str:
    """``holiday.mp4 (video 550e8400-...)``; '' of a task that is about none, or one that is gone."""
    media_id = payload.get("video_id") or payload.get("entity_id") or payload.get("media_id")
    told = "video" if "video_id" in payload else payload.get("entity_type")
    for kind in ((told,) if told in KINDS else KINDS) if isinstance(media_id, str) else ():
        try:
            media = api.get(f"/api/{kind}s/{media_id}")
        except Failure:  # the task is what was asked for
            continue
        return f"{clean(media['filename'])} ({kind} {clean(media_id)})"
    return ""
