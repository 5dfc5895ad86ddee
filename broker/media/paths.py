"""Where the files of a tenant lie in the storage. Nothing else composes or splits a storage key.

    <tenant>/<media id>/source                              the uploaded file, as it came
    <tenant>/<media id>/hls/<name>                          a video's playlists, renditions and poster
    <tenant>/<media id>/work/<task id>/<digest>/<name>      what is done of a transcoding that has not ended
    <tenant>/<media id>/plugins/<plugin>/<task id>/<name>   what a plugin has made
    <tenant>/<media id>/captions/<caption id>.vtt           a video's captions
    <tenant>/<media id>/thumbnails/<slot>/<name>            the pictures of a video that were asked for last; of an
                                                            image one for each width

No part has a slash in it but the ``<name>`` of a rendition (``720p/00001.m4s``). Of a video that was transcoded again,
that of each later version begins with the id of the task that has made it.

    _brokers/<life>                                         the mark of a broker that uses the storage
"""

import re
from typing import NamedTuple

#: The folder of a video's renditions, relative to the media file's own.
HLS = "hls"
#: The folder of what a transcoding that has not ended knows of what it has made, likewise.
WORK = "work"
#: The folder of what plugins have made, likewise, and the name of the uploaded file.
PLUGINS, SOURCE = "plugins", "source"
#: The folder of a video's captions, likewise, and what begins the names in a record's ``info`` that tell of one.
CAPTIONS, CAPTION_NOTE = "captions", "caption:"
#: The folder of pictures that anybody may make again.
THUMBNAILS = "thumbnails"
#: The folder of the marks of brokers; no tenant's name begins so.
BROKERS = "_brokers/"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: Parts of a plugin's file below the folder of all plugins.
_OF_PLUGIN = 3


def media_folder(tenant: str, media_id: str) -> str:
    """The prefix of everything that belongs to one media file; it ends with a slash."""
    return f"{tenant}/{media_id}/"


def source(tenant: str, media_id: str) -> str:
    """The key of an uploaded file."""
    return f"{media_folder(tenant, media_id)}{SOURCE}"


def hls(tenant: str, media_id: str, name: str = "") -> str:
    """The key of one file of a video's stream; without a name, the prefix of them all, with a slash at its end."""
    return f"{media_folder(tenant, media_id)}{HLS}/{name}"


def work(tenant: str, media_id: str, task_id: str = "", digest: str = "", name: str = "") -> str:
    """The key of a record of a task's transcoding that has not ended; ``digest`` tells what is made of which source.

    Without a name, a digest, or a task, the prefix of them all, with a slash at its end.
    """
    folder = f"{media_folder(tenant, media_id)}{WORK}/"
    if task_id:
        folder += f"{task_id}/"
    return f"{folder}{digest}/{name}" if digest else folder


def plugin_file(tenant: str, media_id: str, plugin: str, task_id: str, name: str = "") -> str:
    """The key of a file that a plugin has made. A task has a folder of its own, so that no link changes its bytes.

    Without a name, the prefix of all that the task has made, with a slash at its end.
    """
    return f"{media_folder(tenant, media_id)}{PLUGINS}/{plugin}/{task_id}/{name}"


def caption(tenant: str, media_id: str, caption_id: str) -> str:
    """The key of the WebVTT text of one of a video's captions."""
    return f"{media_folder(tenant, media_id)}{CAPTIONS}/{caption_id}.vtt"


def thumbnails(tenant: str, media_id: str, slot: int) -> str:
    """The prefix of one of the places for a picture of a video or an image; it ends with a slash."""
    return f"{media_folder(tenant, media_id)}{THUMBNAILS}/{slot}/"


def broker_mark(life: str) -> str:
    """The key of the mark of a broker that keeps media in this storage, by the mark of its Redis."""
    return f"{BROKERS}{life}"


class Place(NamedTuple):
    """What a key of a media file tells. ``part`` is the name of its file or folder in the media file's own."""

    tenant: str
    media_id: str
    part: str
    #: Of what a plugin has made; else empty.
    plugin: str = ""
    task_id: str = ""
    #: The name in the record's ``info`` without which nobody can use it; else empty.
    note: str = ""
    #: Of a video's stream that was made again: its version.
    version: str = ""


def place(key: str) -> Place:
    """The reverse of the functions above. Raises ``ValueError`` for a key that is not of this layout."""
    tenant, media_id, rest = (*key.split("/", 2), "", "")[:3]
    if not (tenant and rest and _UUID.fullmatch(media_id)):
        raise ValueError(f"{key!r} is no key of a media file")
    part, *inner = rest.split("/")
    if part == PLUGINS and len(inner) == _OF_PLUGIN:
        return Place(tenant, media_id, part, inner[0], inner[1])
    if part == HLS and inner and _UUID.fullmatch(inner[0]):
        return Place(tenant, media_id, part, version=inner[0])
    if part == CAPTIONS and len(inner) == 1:
        return Place(tenant, media_id, part, note=f"{CAPTION_NOTE}{inner[0].removesuffix('.vtt')}")
    return Place(tenant, media_id, part)
