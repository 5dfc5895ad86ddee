"""Links that open without a key, for a day, what was made of an uploaded file: its stream, and plugins' files."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from flask import url_for
from msgspec.structs import replace

from broker.media import paths
from broker.task import Task
from gateway.current import services, tenant


class MediaLinks:
    """Of one file of the caller's, all under one signature."""

    def __init__(self, media_id: str) -> None:
        self._id = UUID(media_id)
        self._signature = services().links.sign(tenant().id, str(self._id))

    def stream(self, name: str) -> str:
        """One file of a video's stream."""
        return url_for("streams.download_stream_file", video_id=self._id, signature=self._signature, name=name)

    def files(self, plugin: str, task_id: str, files: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """What a run of a plugin has made (``{name, size}`` each), with the ``url`` of each."""
        place: dict[str, Any] = {"media_id": self._id, "plugin": plugin, "task_id": UUID(task_id)}
        place["signature"] = self._signature
        endpoint = "media_files.download_plugin_file"
        return [{**each, "url": url_for(endpoint, name=each["name"], **place)} for each in files]


def with_links(task: Task) -> Task:
    """The caller's task with links to what its result names, as storage keys or files; most have none."""
    make = _MAKERS.get(task.type)
    if make is None or not task.result:
        return task
    try:
        return replace(task, links=make(task))
    except (AttributeError, LookupError, TypeError, ValueError):  # a foreign hand has written the result or the payload
        return task


def _of_video(task: Task) -> dict[str, Any]:
    made, links = {"hls_url": "hls_master", "poster_url": "poster"}, MediaLinks(task.payload["video_id"])
    prefix = f"{paths.HLS}/"
    found = {name: task.result[key].removeprefix(prefix) for name, key in made.items()}
    return {name: links.stream(file) for name, file in found.items()}


def _of_plugin(task: Task) -> dict[str, Any] | None:
    files = task.result["files"]
    if not files:
        return None
    return {"files": MediaLinks(task.payload["media_id"]).files(task.payload["plugin_name"], task.id, files)}


_MAKERS: Mapping[str, Callable[[Task], dict[str, Any] | None]] = {
    "VideoTranscoding": _of_video,
    "PluginExecution": _of_plugin,
}
