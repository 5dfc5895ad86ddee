"""Text of whatever encoding."""

import codecs
import os
from collections.abc import Iterator
from pathlib import Path

from broker.errors import PermanentError
from broker.media.sniff import HEAD_BYTES
from broker.media.text_kinds import declared_encoding, unmarked
from handlers.embedding.reading.documents.section import MAX_CHARACTERS, Section

#: Bytes that are read: no encoding here takes more than four for a character.
_MOST_BYTES = 4 * MAX_CHARACTERS
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ESCAPE = b"\x1b"
_CONTROLS = frozenset(map(chr, (*range(9), 11, *range(14, 32), 127)))
#: Part of the characters that may be controls: a stray page break of an old program does no harm.
_TOLERATED = 0.01


def read_plain(path: Path) -> Iterator[Section]:
    """The whole text, line ends as ``\\n``."""
    text, cut = read_text(path)
    yield Section(text, cut=cut)


def read_text(path: Path, *, page: bool = False) -> tuple[str, bool]:
    """The beginning of a text, and whether it goes on. UTF-16 with its mark, or as ``unmarked`` tells it, UTF-8, else
    what a ``page`` declares, else Windows' western code page.

    Raises ``PermanentError`` for bytes that are no text in any of these.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size  # else room for all that may be read is made for each short text
        data = file.read(min(size, _MOST_BYTES) + 1)
    text = _decode(data[:_MOST_BYTES], page=page)
    if sum(map(text.count, _CONTROLS)) > len(text) * _TOLERATED:
        raise PermanentError("This file is not text: too much of it cannot be printed.")
    return text.replace("\r\n", "\n").replace("\r", "\n"), len(data) > _MOST_BYTES


def _decode(data: bytes, *, page: bool) -> str:
    if data.startswith(_UTF_16):
        return data.decode("utf-16", "replace")
    if utf_16 := unmarked(data[:HEAD_BYTES]):
        return data.decode(utf_16, "replace")
    if page and _ESCAPE in data and (declared := declared_encoding(data)):
        return data.decode(declared, "replace")  # of seven bits, which are UTF-8 as well
    try:
        return codecs.getincrementaldecoder("utf-8-sig")().decode(data)  # whose last character may be cut off
    except UnicodeDecodeError:
        return data.decode((page and declared_encoding(data)) or "cp1252", "replace")
