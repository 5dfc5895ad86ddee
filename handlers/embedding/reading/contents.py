"""What of a media file is embedded: pictures and words, each with what is kept of its place.

Everything that a file can be wrong with shows here, before the model has any work with it.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from broker.context import TaskContext
from broker.errors import NotFound, PermanentError
from broker.media.parts import LABEL, NAME, PASSAGE, PICTURE, SPEECH, TEXT, Part
from broker.media.records import MediaRecord, no_source
from handlers.embedding.names import name_words
from handlers.embedding.reading.decoded import describe_sound, read_frames, read_picture, read_sections
from handlers.embedding.reading.documents.section import NO_TEXT, Section
from handlers.embedding.reading.lettering import Pages, in_picture, in_video, on_pages
from handlers.embedding.reading.spoken import spoken
from handlers.embedding.text import spread

#: Passages of one file, or of one text of what is said in it, that are embedded; of more, evenly spread ones.
MOST_PASSAGES = 200
#: Bytes of a file that is read in one piece.
_AT_ONCE = 65_536


class Item(NamedTuple):
    """What becomes one vector."""

    part: Part
    words: str = ""
    #: Of a picture, in place of words.
    picture: Image.Image | None = None


class Contents(NamedTuple):
    """All of a file."""

    items: list[Item]
    #: What was learned about it on the way, for its record.
    facts: dict[str, Any]
    #: Passages that were left out to have no more than ``MOST_PASSAGES``.
    left_out: int = 0
    #: Whether the document goes on behind what was read.
    cut: bool = False
    #: Those that are, or may be, scans.
    pages: Pages = Pages()


class Cut(NamedTuple):
    """How an encoder reads: its name for pictures' parts, and what cuts a text into (offset, passage)."""

    sees: bool
    passages: Any


def read(record: MediaRecord, context: TaskContext, cut: Cut) -> Contents:
    """The file's own contents. Raises ``PermanentError`` for what cannot be read, or has no words in it."""
    with _stored(record, context) as path:
        contents = _read(record, path, context, cut)
        digest = _digest(path)
    return contents._replace(facts={**contents.facts, "sha256": digest})


def _read(record: MediaRecord, path: Path, context: TaskContext, cut: Cut) -> Contents:
    seen = PICTURE if cut.sees else LABEL
    if record.kind == "image":
        shown = [Item(Part(seen), picture=read_picture(path, context.seconds_left()))]
        return _with_text(shown, in_picture(path, context), cut)
    if record.kind == "video":
        context.progress(0, "choosing frames")
        frames = read_frames(path, context.seconds_left())
        shown = [Item(Part(seen, start=at), picture=frame) for at, frame in frames]
        return _with_text(shown, in_video(path, [at for at, _ in frames], context), cut)
    if record.kind == "audio":
        facts = describe_sound(path, context.seconds_left())
        return Contents([*_tagged(facts), *_titled(record.filename)], {"sound": facts, **_length(facts)})
    sections = read_sections(path, record.content_type, context.seconds_left())
    pages = Pages()
    if any(section.bare for section in sections):
        sections, pages = on_pages(path, sections, context)
    contents = _passages(sections, PASSAGE, cut)
    if not contents.items:  # of characters that take no place, or that no model reads
        raise PermanentError(NO_TEXT)
    return contents._replace(items=[*contents.items, *_titled(record.filename)], pages=pages)


def _with_text(shown: list[Item], written: list[Section], cut: Cut) -> Contents:
    """Pictures, and what is written in them."""
    contents = _passages(written, TEXT, cut)
    return contents._replace(items=shown + contents.items)


def read_speech(record: MediaRecord, context: TaskContext, cut: Cut) -> Contents:
    """What is said in it. A text that cannot be read is passed over, and the task's log says so."""
    items: list[Item] = []
    left_out = 0
    for each in spoken(record):
        try:
            with context.storage.local_file(each.key) as path:
                read = _passages(read_sections(path, each.content_type, context.seconds_left()), SPEECH, cut)
        except (NotFound, PermanentError) as error:
            context.log.warning("%s is left out: %s", each.name, error)
        else:
            items += read.items
            left_out += read.left_out
    return Contents(items, {}, left_out)


@contextmanager
def _stored(record: MediaRecord, context: TaskContext) -> Iterator[Path]:
    with ExitStack() as opened:
        try:
            path = opened.enter_context(context.storage.local_file(record.source_key))
        except NotFound as error:
            raise no_source(record) from error
        yield path


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        beginning = file.read(_AT_ONCE)
        if len(beginning) < _AT_ONCE:  # ``file_digest`` would clear a quarter of a megabyte for each file
            return hashlib.sha256(beginning).hexdigest()
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()


def _passages(sections: Iterable[Section], matched: str, cut: Cut) -> Contents:
    found, unread = [], False
    for section in sections:
        unread = unread or section.cut
        kind = TEXT if section.pictured else matched
        found += [
            Item(Part(kind, passage, section.start, section.end, section.page, offset), passage)
            for offset, passage in (cut.passages(section.text) if section.text.strip() else ())
        ]
    kept = spread(found, MOST_PASSAGES)
    return Contents(kept, {}, len(found) - len(kept), unread)


def _titled(filename: str) -> Iterator[Item]:
    """The words of the name, which serve as a title."""
    if words := name_words(filename):
        yield Item(Part(NAME, words), words)


def _tagged(facts: dict[str, Any]) -> Iterator[Item]:
    words = ", ".join(facts[name] for name in ("title", "artist", "album", "genre") if facts.get(name))
    if words:
        yield Item(Part(NAME, words), words)


def _length(facts: dict[str, Any]) -> dict[str, Any]:
    seconds = facts.pop("duration_seconds", None)
    return {} if seconds is None else {"duration_seconds": seconds}
