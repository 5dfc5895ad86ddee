"""Where the files of a tenant lie in the storage. Nothing else composes or splits a storage key.

    <tenant>/<media id>/source                              the uploaded file, as it came
    <tenant>/<media id>/hls/<name>                          a video's playlists, renditions and poster
    <tenant>/<media id>/plugins/<plugin>/<task id>/<name>   what a plugin has made

No part has a slash in it but the ``<name>`` of a rendition (``720p/00001.m4s``).
"""

#: The folder of a video's renditions, relative to the media file's own.
HLS = "hls"


def media_folder(tenant: str, media_id: str) -> str:
    """The prefix of everything that belongs to one media file; it ends with a slash."""
    return f"{tenant}/{media_id}/"


def source(tenant: str, media_id: str) -> str:
    """The key of an uploaded file."""
    return f"{media_folder(tenant, media_id)}source"


def hls(tenant: str, media_id: str, name: str = "") -> str:
    """The key of one file of a video's stream; without a name, the prefix of them all, with a slash at its end."""
    return f"{media_folder(tenant, media_id)}{HLS}/{name}"


def plugin_file(tenant: str, media_id: str, plugin: str, task_id: str, name: str) -> str:
    """The key of a file that a plugin has made. A task has a folder of its own, so that no link changes its bytes."""
    return f"{media_folder(tenant, media_id)}plugins/{plugin}/{task_id}/{name}"


def split(key: str) -> tuple[str, str]:
    """The tenant and the media id that a key belongs to. Raises ``ValueError`` for one that is not of this layout."""
    tenant, media_id, rest = (*key.split("/", 2), "", "")[:3]
    if not (tenant and media_id and rest):
        raise ValueError(f"{key!r} is no key of a media file")
    return tenant, media_id
