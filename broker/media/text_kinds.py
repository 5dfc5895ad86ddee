"""Tells from its first bytes whether a file is text, and what kind of text, in whatever encoding it is written."""

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, getincrementaldecoder

PLAIN = "text/plain"
_HTML, _VTT, _SRT, _MARKDOWN = "text/html", "text/vtt", "application/x-subrip", "text/markdown"
#: What a page may begin with: a declaration of XML, and comments, of which none is looked at twice.
_BEFORE_HTML = r"\s*(?:<\?xml\s[^>]*>\s*)?(?>(?:<!--(?:(?!-->).)*-->\s*)*)"
#: As it should be, and as it is found: without leading zeros or a fraction, or before the beginning.
_SRT_TIME = r"-?\d{1,4}:\d{1,2}:\d{1,2}(?:[,.]\d{1,3})?"
_BEGINNINGS = (
    (re.compile(rf"{_BEFORE_HTML}<(?:!doctype html|html|head|body)[\s>]", re.IGNORECASE | re.DOTALL), _HTML),
    (re.compile(r"WEBVTT(?!\S)"), _VTT),
    (re.compile(rf"\s*(?:\d{{1,6}}[ \t]*[\r\n]\s*)?{_SRT_TIME}[ \t]*-->[ \t]*{_SRT_TIME}", re.ASCII), _SRT),
)
#: The encoding that a page declares in its first bytes (HTML, 13.2.3.2), and those that are read, as Python names them.
_DECLARED, _PRESCANNED = re.compile(rb"<meta\s[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE), 1024
_ENCODINGS = {
    **{each: each for each in ("shift_jis", "euc-jp", "iso-2022-jp", "gb18030", "big5", "euc-kr", "koi8-r", "koi8-u")},
    **{f"windows-{page}": f"cp{page}" for page in (874, *range(1250, 1259))},
    **{f"iso-8859-{part}": f"iso-8859-{part}" for part in (*range(2, 9), 10, 13, 14, 15, 16)},
    **dict.fromkeys(("gbk", "gb2312"), "gb18030"),
    "ibm866": "cp866",
}
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
#: Characters, at least, of which UTF-16 is told without its mark, the part of them that is in Latin-1, and bytes of
#: which one must be none then.
_FEWEST_UNITS, _NEARLY_ALL, _LOOKED_THROUGH = 4, 0.9, 32
#: The control characters that text files have.
_TEXT_CONTROLS = frozenset("\t\n\r\f")


def kind_of_text(head: bytes) -> str | None:
    """The content type of text in UTF-8, or in UTF-16 with its mark or of mostly Latin letters; ``None`` for what is
    none, or not to be read.
    """
    if head.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        text: str | None = head[: len(head) & ~1].decode("utf-16", "replace")
    else:
        text = _decoded(head, unmarked(head) or "utf-8")
    return _kind(text) if text and _is_text(text) else None


def kind_of_old_text(head: bytes) -> str | None:
    """The same of a page that declares its encoding, and of Windows' western code page, of mostly plain letters: other
    encodings of a byte a letter are taken for it.
    """
    if (encoding := declared_encoding(head)) and (text := _decoded(head, encoding)) and _is_text(text):
        return _HTML if _kind(text) == _HTML else None
    ascii_bytes = sum(byte in _ASCII for byte in head)
    looks_so = ascii_bytes >= _MOSTLY * len(head) and _CONTROLS.isdisjoint(head)
    return _kind(head.decode("cp1252", "replace")) if looks_so and _decoded(head) is None else None


def unmarked(head: bytes) -> str | None:
    """Which UTF-16 a text is in that begins so, if it has no mark, and is certain to be: nearly every other byte is
    none, and no character is.
    """
    units = len(head) // 2
    if units < _FEWEST_UNITS or b"\0" not in head[:_LOOKED_THROUGH]:
        return None
    for name, high, low in (("utf-16-le", head[1::2], head[::2]), ("utf-16-be", head[::2], head[1::2])):
        if high.count(0) >= _NEARLY_ALL * units and 0 not in low[:units]:
            return name
    return None


def declared_encoding(head: bytes) -> str | None:
    """The encoding, as Python calls it, that a page which begins so declares, if it is one that is read."""
    found = _DECLARED.search(head[:_PRESCANNED])
    return _ENCODINGS.get(found[1].decode().lower()) if found else None


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


def _decoded(head: bytes, encoding: str = "utf-8") -> str | None:
    """As text, whose last character may be cut off."""
    try:
        return getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return None
