"""Any document as sections of text, by what its first bytes said it is."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from broker.errors import PermanentError
from handlers.embedding.reading.documents.section import NO_TEXT, Section, bounded

Read = Callable[[Path], Iterable[Section]]
#: By content type; each is loaded when it is needed.
_READERS: Mapping[str, str] = {
    "text/plain": "plain:read_plain",
    "text/markdown": "markup:read_markdown",
    "text/html": "markup:read_html",
    "text/vtt": "subtitles:read_subtitles",
    "application/x-subrip": "subtitles:read_subtitles",
    "application/pdf": "pdf:read_pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "word:read_word",
    # What plugins keep of speech.
    "application/json": "transcripts:read_transcript",
}


def raw_sections(path: str, content_type: str) -> Iterator[tuple[Any, ...]]:
    """The members of each ``Section`` of a document. Raises ``PermanentError`` when there is nothing to read in it."""
    read = _reader(content_type)
    empty = True
    for section in bounded(read(Path(path))):
        empty = empty and not section.text.strip() and not section.bare
        yield tuple(section)
    if empty:
        raise PermanentError(NO_TEXT)


def _reader(content_type: str) -> Read:
    if content_type not in _READERS:
        raise PermanentError(f"Documents of type {content_type} cannot be read.")
    module, _, name = _READERS[content_type].partition(":")
    read: Read = getattr(import_module(f"{__package__}.{module}"), name)
    return read
