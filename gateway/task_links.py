"""Links of a task's result to what was made of its file, by type: to a video's stream, and to plugins' files."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from broker.media import paths
from broker.task import Task
from gateway.current import broker, tenant
from gateway.media_links import MediaLinks


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
