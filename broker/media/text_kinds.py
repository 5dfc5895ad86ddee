"""Tells from its first bytes whether a file is text, and what kind of text, in whatever encoding it is written."""

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, getincrementaldecoder

PLAIN = "text/plain"
_HTML, _VTT, _SRT, _MARKDOWN = "text/html", "text/vtt", "application/x-subrip", "text/markdown"
#: What a page may begin with: a declaration of XML, and comments, of which none is looked at twice.
_BEFORE_HTML = r"\s*(?:<\?xml\s[^>]*>\s*)?(?>(?:<!--(?:(?!-->).)*-->\s*)*)"
_BEGINNINGS = (
    (re.compile(rf"{_BEFORE_HTML}<(?:!doctype html|html|head|body)[\s>]", re.IGNORECASE | re.DOTALL), _HTML),
    (re.compile(r"WEBVTT(?!\S)"), _VTT),
    (re.compile(r"\s*\d{1,6}[ \t]*\r?\n\d{1,3}:\d\d:\d\d[,.]\d{1,3}[ \t]*-->", re.ASCII), _SRT),
)
#: Text that is written for a program: Rich Text, whose words are between its commands.
_PROGRAMS = ("{\\rtf",)
#: Kinds that nothing in the text may tell: Markdown, and parts of pages, which begin with any tag.
_NAMES = {
    **dict.fromkeys((".md", ".markdown", ".mdown"), _MARKDOWN),
    **dict.fromkeys((".html", ".htm", ".xhtml"), _HTML),
}
#: Bytes that are ASCII's letters, digits, signs and blanks; of old text at least so much is. And those that text lacks.
_ASCII, _MOSTLY = frozenset((*range(0x20, 0x7F), *b"\t\r\n\f")), 0.75
_CONTROLS = frozenset((*range(0x20), 0x7F, 0x81, 0x8D, 0x8F, 0x90, 0x9D)) - frozenset(b"\t\r\n\f")
#: The control characters that text files have.
_TEXT_CONTROLS = frozenset("\t\n\r\f")


def kind_of_text(head: bytes) -> str | None:
    """The content type of text in UTF-8, or in UTF-16 with its mark; ``None`` for what is none, or not to be read."""
    if head.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        text: str | None = head[: len(head) & ~1].decode("utf-16", "replace")
    else:
        text = _decoded(head)
    return _kind(text) if text and _is_text(text) else None


def kind_of_old_text(head: bytes) -> str | None:
    """The same of Windows' western code page, of mostly plain letters: other encodings of a byte a letter are taken for
    it.
    """
    ascii_bytes = sum(byte in _ASCII for byte in head)
    looks_so = ascii_bytes >= _MOSTLY * len(head) and _CONTROLS.isdisjoint(head)
    return _kind(head.decode("cp1252", "replace")) if looks_so and _decoded(head) is None else None


def kind_by_name(filename: str) -> str:
    """What plain text is that has this name."""
    return next((kind for ending, kind in _NAMES.items() if filename.lower().endswith(ending)), PLAIN)


def _kind(text: str) -> str | None:
    text = text.removeprefix("\ufeff")
    if text.startswith(_PROGRAMS):
        return None
    return next((kind for pattern, kind in _BEGINNINGS if pattern.match(text)), PLAIN)


def _is_text(text: str) -> bool:
    """Whether it is without control characters that text lacks."""
    return all(each.isprintable() or each in _TEXT_CONTROLS or each > "\x9f" for each in text)


def _decoded(head: bytes) -> str | None:
    """UTF-8, whose last character may be cut off."""
    try:
        return getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return None
