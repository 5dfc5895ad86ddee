"""Keeps what a look at a source has told, until the video is made: a run that goes on does not look again."""

import hashlib
import io
import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from broker.context import TaskContext
from broker.errors import NotFound
from broker.media import paths
from broker.media.storage import StoredObject
from handlers.transcoding.probe import as_source, probe
from handlers.transcoding.source import Source
from handlers.transcoding.version import maker

#: Changes with whatever decides what a look tells.
_VERSION = 1
_NAME = "look.json"


def looked_at(
    context: TaskContext, media_id: str, stored: StoredObject, path: Path, demuxer: str, *, keep: bool
) -> Source:
    """What the file at ``path`` holds, as it was kept; else it is found out, and kept where ``keep`` says so.

    Raises ``PermanentError`` when that is nothing to transcode.
    """
    key = kept(context, media_id, stored)
    try:
        with context.storage.open(key) as file:
            return as_source(json.load(file))
    except NotFound:
        source = probe(context, path, demuxer)
    if keep:
        context.storage.put(key, io.BytesIO(json.dumps(asdict(source)).encode()))
    return source


def kept(context: TaskContext, media_id: str, stored: StoredObject) -> str:
    """The key of what this run's task, or the one that it helps, keeps of a look at this source."""
    told = json.dumps([_VERSION, version("av"), stored.size, stored.etag])
    return paths.work(context.tenant, media_id, maker(context), hashlib.sha256(told.encode()).hexdigest()[:32], _NAME)
