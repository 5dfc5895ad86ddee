"""Links that open without a key, for a day, what was made of an uploaded file: its stream, and plugins' files."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from flask import url_for
from msgspec.structs import replace

from broker.media import paths
from broker.secrets.links import source_of
from broker.task import Task
from gateway.current import broker, services, tenant


class MediaLinks:
    """Of one file of the caller's, all under one signature."""

    def __init__(self, media_id: str) -> None:
        self._id = UUID(media_id)
        self._signature = services().links.sign(tenant().id, str(self._id))

    def stream(self, name: str) -> str:
        """One file of a video's stream."""
        return url_for("streams.download_stream_file", video_id=self._id, signature=self._signature, name=name)

    def thumbnail(self) -> str:
        """A picture of a video, of the moment that its query names."""
        return url_for("thumbnails.download_thumbnail", video_id=self._id, signature=self._signature)

    def download(self, variant: str) -> str:
        """A rendition of a video as one file."""
        return url_for("downloads.download_linked_video", video_id=self._id, signature=self._signature, variant=variant)

    def source(self) -> str:
        """The uploaded file, under a signature that opens nothing else."""
        signature = services().links.sign(tenant().id, source_of(str(self._id)))
        return url_for("media_files.download_source_file", media_id=self._id, signature=signature)

    def files(self, plugin: str, task_id: str, files: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """What a run of a plugin has made (``{name, size}`` each), with the ``url`` of each."""
        place: dict[str, Any] = {"media_id": self._id, "plugin": plugin, "task_id": UUID(task_id)}
        place["signature"] = self._signature
        endpoint = "media_files.download_plugin_file"
        return [{**each, "url": url_for(endpoint, name=each["name"], **place)} for each in files]


def with_links(task: Task) -> Task:
    """The caller's task with links to what its result names, as storage keys or files; most have none."""
    return all_with_links([task])[0]


def all_with_links(tasks: Sequence[Task]) -> list[Task]:
    """The same of several; what was made of a file that is deleted has no links any more."""
    made = {task.id: links for task in tasks if (links := _links(task))}
    if not made:
        return list(tasks)
    there = broker().media.existing(tenant().name, sorted({media_id for media_id, _ in made.values()}))
    shown = {task_id: links for task_id, (media_id, links) in made.items() if media_id in there}
    return [replace(task, links=shown[task.id]) if task.id in shown else task for task in tasks]


def _links(task: Task) -> tuple[str, dict[str, Any]] | None:
    """The id of the media file, and links to what the task has made of it, if any."""
    known = _MAKERS.get(task.type)
    if known is None or not task.result:
        return None
    member, make = known
    try:
        links = make(task)
        return (str(UUID(task.payload[member])), links) if links else None
    except (AttributeError, LookupError, TypeError, ValueError):  # a foreign hand has written the result or the payload
        return None


def _of_video(task: Task) -> dict[str, Any]:
    made, links = {"hls_url": "hls_master", "poster_url": "poster"}, MediaLinks(task.payload["video_id"])
    if "storyboard" in task.result:  # earlier releases made none
        made["storyboard_url"] = "storyboard"
    prefix = f"{paths.HLS}/"
    found = {name: task.result[key].removeprefix(prefix) for name, key in made.items()}
    return {name: links.stream(file) for name, file in found.items()}


def _of_plugin(task: Task) -> dict[str, Any] | None:
    files = task.result["files"]
    if not files:
        return None
    return {"files": MediaLinks(task.payload["media_id"]).files(task.payload["plugin_name"], task.id, files)}


#: By type, the member of the payload that names the file, and what makes the links.
_MAKERS: Mapping[str, tuple[str, Callable[[Task], dict[str, Any] | None]]] = {
    "VideoTranscoding": ("video_id", _of_video),
    "PluginExecution": ("media_id", _of_plugin),
}
