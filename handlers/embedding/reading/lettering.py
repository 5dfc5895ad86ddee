"""The texts in a picture, a video or a scan, if they are to be read."""

import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from broker.context import TaskContext
from broker.environment.reading import read_one
from broker.errors import PermanentError
from handlers.embedding.reading.decoded import read_legible, read_legible_frames, read_page
from handlers.embedding.reading.documents.section import Section
from handlers.embedding.text import spread
from handlers.media.program import Crashed

#: Pages of one document that are read in pictures; of more, evenly spread ones. They have about as many passages as are
#: embedded of any file.
_MOST_PAGES = 100
#: Part of the task's time that this may take.
_MOST_TIME = 0.5
_HOW = "scanned pages are read where workers have the extra `ocr` and EMBED_OCR=1"


class Pages(NamedTuple):
    """Of a document's pages of hardly any text: how many were read in pictures, and how many were not."""

    read: int = 0
    left_out: int = 0


def in_picture(path: Path, context: TaskContext) -> list[Section]:
    """At most one. Raises ``PermanentError`` as decoding does."""
    if not wanted():
        return []
    context.progress(0, "reading text")
    text = _read(read_legible(path, context.seconds_left()))
    return [Section(text)] if text else []


def in_video(path: Path, at: list[float], context: TaskContext) -> list[Section]:
    """Those in the frames at these seconds that differ from the one before, from where each begins to be shown."""
    found: list[Section] = []
    if wanted():
        for number, (moment, frame) in enumerate(read_legible_frames(path, at, context.seconds_left())):
            context.progress(100 * number / len(at), "reading text")
            text = _read(frame)
            if text and (not found or found[-1].text != text):
                found.append(Section(text, start=moment))
    return found


def on_pages(path: Path, sections: list[Section], context: TaskContext) -> tuple[list[Section], Pages]:
    """The sections of a document with what is written on its scanned pages, and how many of them were read.

    A page that cannot be drawn is passed over, and the task's log says so. Raises ``PermanentError`` where there is no
    text at all then.
    """
    bare = [section.page for section in sections if section.bare and section.page]
    chosen = spread(bare, _MOST_PAGES) if wanted() else []
    found: dict[int | None, str] = {}
    refusals: list[str] = []
    end = _MOST_TIME * context.seconds_left()
    for number, page in enumerate(chosen):
        if context.seconds_left() < end:
            refusals.append(f"no time was left from page {page} on")
            break
        context.progress(100 * number / len(chosen), f"reading text on page {page}")
        try:
            picture = read_page(path, page, context.seconds_left() - end)
        except (PermanentError, Crashed) as error:
            context.log.warning("page %d is left out: %s", page, error)
            refusals.append(f"page {page}: {str(error).rstrip('.')}")
        else:
            found[page] = _read(picture) if picture else ""
    with_text = list(_with_text(sections, found))
    if not any(section.text.strip() for section in with_text):
        raise PermanentError(_nothing(len(bare), refusals))
    pages = Pages(len(found), len(bare) - len(found))
    if pages.left_out and not wanted():
        context.log.info("pages of hardly any text, of which no picture is read: %d; %s", pages.left_out, _HOW)
    return with_text, pages


def wanted() -> bool:
    """Whether the operator asks for it."""
    return bool(read_one(os.environ, "EMBED_OCR"))


def _with_text(sections: list[Section], found: Mapping[int | None, str]) -> Iterator[Section]:
    """What is written in the picture of a page comes behind its own text, which the picture shows, too."""
    for section in sections:
        if section.text.strip() or section.cut:
            yield section
        text = found.get(section.page, "") if section.bare else ""
        if len(text.split()) > len(section.text.split()):
            yield Section(text, page=section.page, pictured=True)


def _nothing(pages: int, refusals: list[str]) -> str:
    where = f"There is no text in the {pages} page{'s' * (pages > 1)} of this PDF"
    if not wanted():
        return f"{where}; {_HOW}."
    return f"{where}, and none in pictures of them{f' ({refusals[0]})' if refusals else ''}."


def _read(picture: Image.Image) -> str:
    text: str = import_module("handlers.embedding.reading.written").read(picture)
    return text
