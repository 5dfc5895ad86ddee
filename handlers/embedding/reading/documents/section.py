"""A stretch of a document's text, and how much of one is read."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

#: Characters of one document that are read: most novels have fewer, and a million take seconds to tokenise.
MAX_CHARACTERS = 1_000_000
NO_TEXT = "There is no text in this file."


class Section(NamedTuple):
    """Text that passages do not reach out of. What does not apply is ``None``."""

    text: str
    #: Counted from 1.
    page: int | None = None
    #: Seconds from the beginning of the recording that it belongs to.
    start: float | None = None
    end: float | None = None
    #: Whether the document goes on behind it, unread.
    cut: bool = False
    #: Whether it is a page of hardly any text, as scans are.
    bare: bool = False
    #: Whether it was read in a picture of the page.
    pictured: bool = False


def bounded(sections: Iterable[Section]) -> Iterator[Section]:
    """As far as is read of a document; only what holds words, and pages on which a picture may."""
    left = MAX_CHARACTERS
    for section in sections:
        text = section.text[:left]
        left -= len(text)
        cut = section.cut or len(text) < len(section.text)
        if text.strip() or cut or section.bare:
            yield section._replace(text=text, cut=cut)
        if cut:
            return
