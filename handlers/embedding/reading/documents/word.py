"""The text of Word documents (ECMA-376): the paragraphs of the main part, ``word/document.xml`` mostly, of an archive.

Two elements of one file are all that is needed, so the standard library reads it, bounded by what the archive unpacks
to and not by what it claims.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import XMLPullParser, fromstring
from zipfile import ZipFile

from broker.errors import PermanentError
from handlers.embedding.reading.documents.section import MAX_CHARACTERS, Section

#: Of the two editions: transitional (part 4), which nearly all have, and strict (part 1).
_NAMESPACES = (
    "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}",
    "{http://purl.oclc.org/ooxml/wordprocessingml/main}",
)
#: Of text, and of formulas.
_TEXT = frozenset(
    {each + "t" for each in _NAMESPACES}
    | {"{http://schemas.openxmlformats.org/officeDocument/2006/math}t"}
    | {"{http://purl.oclc.org/ooxml/officeDocument/math}t"}
)
#: What stands for a tabulator, the end of a line and of a paragraph, and a hyphen at which no line ends.
_BLANK = {
    each + name: blank
    for each in _NAMESPACES
    for name, blank in {"tab": "\t", "br": "\n", "cr": "\n", "p": "\n\n", "noBreakHyphen": "-"}.items()
}
#: What an older program shows in place of what stands before it, with the same words.
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
#: Parts beside the main one whose text is read behind it: notes, remarks, and what stands above and below each page, of
#: which every section may have three.
_NOTES, _MOST_NOTES = re.compile(r"(?:footnotes|endnotes|comments|header\d+|footer\d+)\.xml"), 30
_DOCUMENT, _RELATIONSHIPS = "word/document.xml", "_rels/.rels"
#: What the relationship of an archive to its main part is called, in both editions.
_MAIN = "/relationships/officeDocument"
#: Bytes that are unpacked, in pieces of so many, and files that the archive may have.
_MOST_BYTES, _PIECE, _MOST_FILES = 64 * 2**20, 2**16, 10_000
_BROKEN = "This file cannot be read as a Word document: it is damaged, locked, or of another program."


def read_word(path: Path) -> Iterator[Section]:
    """The text of all paragraphs. Raises ``PermanentError``."""
    found: list[str] = []
    length, cut = 0, True
    try:
        for text in _words(path):
            found.append(text)
            length += len(text)
            if length > MAX_CHARACTERS:
                break
        else:
            cut = False
    except (MemoryError, PermanentError):
        raise
    except Exception as error:  # each way of packing and each encoding raises errors of its own
        raise PermanentError(_BROKEN) from error
    yield Section("".join(found), cut=cut)


def _words(path: Path) -> Iterator[str]:
    with ZipFile(path) as archive:
        names = archive.namelist()
        if len(names) > _MOST_FILES:
            raise PermanentError(_BROKEN)
        main = _main_part(archive)
        yield from _shown(_pieces(archive, main))
        for name in _notes(names, main.rpartition("/")[0]):
            yield from _shown(_pieces(archive, name))


def _notes(names: Iterable[str], folder: str) -> list[str]:
    """Those of the files in an archive, notes and remarks first."""
    beside = [each for each in names if each.startswith(f"{folder}/") and _NOTES.fullmatch(each, len(folder) + 1)]
    return sorted(beside, key=lambda name: (any(map(str.isdigit, name)), name))[:_MOST_NOTES]


def _shown(pieces: Iterator[bytes]) -> Iterator[str]:
    parser: Any = XMLPullParser(("start", "end"))
    old = 0
    for piece in pieces:
        parser.feed(piece)
        for event, element in parser.read_events():
            if element.tag == _FALLBACK:
                old += 1 if event == "start" else -1
            elif event == "start" or old:
                continue
            elif element.tag in _TEXT:
                yield element.text or ""
            elif element.tag in _BLANK:
                yield _BLANK[element.tag]
                element.clear()  # the tree would grow to many times the file
    parser.close()  # which raises where the document is not at its end


def _pieces(archive: ZipFile, name: str) -> Iterator[bytes]:
    with archive.open(name) as document:
        left = _MOST_BYTES
        while piece := document.read(_PIECE):
            left -= len(piece)
            if left < 0:
                raise PermanentError(f"This Word document unpacks to more than {_MOST_BYTES // 2**20} MiB.")
            yield piece


def _main_part(archive: ZipFile) -> str:
    """Where the text is: some programs call it ``word/document2.xml``, and the archive's relationships name it."""
    if _DOCUMENT in archive.namelist():
        return _DOCUMENT
    with archive.open(_RELATIONSHIPS) as file:
        listed = fromstring(file.read(_PIECE))
    for each in listed:
        if each.get("Type", "").endswith(_MAIN):
            return each.get("Target", "").lstrip("/")
    raise PermanentError(_BROKEN)
