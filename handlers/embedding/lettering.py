"""The texts in a picture or a video, if they are to be read: each that differs from the one before it."""

import os
from importlib import import_module
from pathlib import Path

from PIL import Image

from broker.context import TaskContext
from broker.environment.reading import read_one
from handlers.embedding.decoded import read_legible, read_legible_frames
from handlers.embedding.documents.section import Section


def in_picture(path: Path, context: TaskContext) -> list[Section]:
    """At most one. Raises ``PermanentError`` as decoding does."""
    if not _wanted():
        return []
    context.progress(0, "reading text")
    text = _read(read_legible(path, context.seconds_left()))
    return [Section(text)] if text else []


def in_video(path: Path, at: list[float], context: TaskContext) -> list[Section]:
    """Those in the frames at these seconds, from where each begins to be shown."""
    found: list[Section] = []
    if _wanted():
        for number, (moment, frame) in enumerate(read_legible_frames(path, at, context.seconds_left())):
            context.progress(100 * number / len(at), "reading text")
            text = _read(frame)
            if text and (not found or found[-1].text != text):
                found.append(Section(text, start=moment))
    return found


def _wanted() -> bool:
    return bool(read_one(os.environ, "EMBED_OCR"))


def _read(picture: Image.Image) -> str:
    text: str = import_module("handlers.embedding.written").read(picture)
    return text
