"""The text of PDF documents, page by page.

pypdf is plain Python with bounds of its own on what a stream may unpack to; memory and time are bounded besides, for
the whole program.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from pypdf import PageObject, PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError, PyPdfError, WrongPasswordError

from broker.errors import PermanentError
from handlers.embedding.reading.documents.section import Section

#: Pages that are read, and seconds of processor time that are spent on them.
_MOST_PAGES, _MOST_SECONDS = 2_000, 40.0
#: Letters and digits of a page, below which it may be a scan: those of a stamp, a number, a scanner's own line.
_FEW = 100
#: Remarks and fields of a page that are read, and how deep a field may lie in others. Of one that is for a password.
_MOST_REMARKS, _DEEPEST, _PASSWORD = 1000, 16, 1 << 13
#: What is raised for a page that is broken.
_OF_PAGE = (PyPdfError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError)
_LOCKED = "This PDF is encrypted with a password; upload it without one."
_BROKEN = "This file cannot be read as a PDF: it is damaged, cut off, or holds more than it should."

logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it tells of every oddity of every file


def read_pdf(path: Path) -> Iterator[Section]:
    """Pages without text, too. Raises ``PermanentError`` for what cannot be read, is locked, or has no pages."""
    try:
        with path.open("rb") as file:
            yield from _pages(PdfReader(file, strict=False))
    except (FileNotDecryptedError, WrongPasswordError) as error:
        raise PermanentError(_LOCKED) from error
    except (MemoryError, PermanentError):
        raise
    except DependencyError as error:
        raise PermanentError("This PDF is encrypted or packed in a way that is not supported.") from error
    except Exception as error:  # pypdf raises its own errors, and what Python does at nonsense in their place
        raise PermanentError(_BROKEN) from error


def _pages(document: PdfReader) -> Iterator[Section]:
    """Pages that cannot be read alone are passed over, as long as there are others."""
    if document.is_encrypted and not document.decrypt(""):
        raise PermanentError(_LOCKED)
    count, begun = len(document.pages), time.process_time()
    if not count:
        raise PermanentError("This PDF has no pages.")
    failures = 0
    for number in range(1, min(count, _MOST_PAGES) + 1):
        late = time.process_time() - begun > _MOST_SECONDS
        try:
            text = "" if late else document.pages[number - 1].extract_text().replace("\x00", "")
        except _OF_PAGE as error:
            failures, text = failures + 1, ""
            if failures == count:
                raise PermanentError(_BROKEN) from error
        last = late or number == _MOST_PAGES
        bare = not late and len(list(islice(filter(str.isalnum, text), _FEW))) < _FEW
        if not late and (filled_in := _filled_in(document.pages[number - 1])):
            text = f"{text}\n\n{filled_in}"
        yield Section(text, page=number, cut=last and number < count, bare=bare)
        if last:
            break


def _filled_in(page: PageObject) -> str:
    """What a page shows beside its own text: fields of a form, remarks. Of what is broken nothing."""
    words = []
    with suppress(*_OF_PAGE):
        for each in islice(page.annotations or (), _MOST_REMARKS):
            with suppress(*_OF_PAGE):
                words.append(_words_of(each.get_object()))
    return "\n\n".join(filter(None, words)).replace("\x00", "")


def _words_of(annotation: Any) -> str:
    if annotation.get("/Subtype") != "/Widget":
        return str(annotation.get("/Contents") or "")
    kind, flags, value = (_inherited(annotation, name) for name in ("/FT", "/Ff", "/V"))
    shown = kind in ("/Tx", "/Ch") and not int(flags or 0) & _PASSWORD
    return value if shown and isinstance(value, str) else ""


def _inherited(field: Any, name: str) -> Any:
    """A member of a field, or of those that it is a part of."""
    for _ in range(_DEEPEST):
        if name in field:
            return field[name]
        if "/Parent" not in field:
            break
        field = field["/Parent"]
    return None
