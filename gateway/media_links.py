"""Links that open without a key, for a day, what was made of an uploaded file: its stream, and plugins' files."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import quote
from uuid import UUID

from flask import url_for

from broker.media.records import MediaRecord
from broker.secrets.links import source_of
from gateway.current import services, tenant

#: Types of uploaded files that browsers are let show: those that run nothing in the name of the page's origin.
SHOWN = ("application/pdf",)


class MediaLinks:
    """Of one file of the caller's, all under one signature."""

    def __init__(self, media_id: str) -> None:
        self._id = UUID(media_id)

    @cached_property
    def _signature(self) -> str:
        return services().links.sign(tenant().id, str(self._id))

    def stream(self, name: str) -> str:
        """One file of a video's stream."""
        return url_for("streams.download_stream_file", video_id=self._id, signature=self._signature, name=name)

    def thumbnail(self) -> str:
        """A picture of a video, of the moment that its query names."""
        return url_for("thumbnails.download_thumbnail", video_id=self._id, signature=self._signature)

    def image_thumbnail(self) -> str:
        """A small picture of an image, as wide as its query says."""
        return url_for("thumbnails.download_image_thumbnail", image_id=self._id, signature=self._signature)

    def download(self, variant: str) -> str:
        """A rendition of a video as one file."""
        return url_for("downloads.download_linked_video", video_id=self._id, signature=self._signature, variant=variant)

    def source(self) -> str:
        """The uploaded file, under a signature that opens nothing else."""
        signature = services().links.sign(tenant().id, source_of(str(self._id)))
        return url_for("media_files.download_source_file", media_id=self._id, signature=signature)

    def view(self, record: MediaRecord, page: int | None = None) -> str | None:
        """The same for browsers to show, at this page; ``None`` for what they are not let show."""
        if record.content_type not in SHOWN or record.source_removed_at:
            return None
        url = f"{self.source()}/{quote(record.filename, safe='')}"
        return f"{url}#page={page}" if page else url

    def files(self, plugin: str, task_id: str, files: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """What a run of a plugin has made (``{name, size}`` each), with the ``url`` of each."""
        place: dict[str, Any] = {"media_id": self._id, "plugin": plugin, "task_id": UUID(task_id)}
        place["signature"] = self._signature
        endpoint = "media_files.download_plugin_file"
        return [{**each, "url": url_for(endpoint, name=each["name"], **place)} for each in files]
