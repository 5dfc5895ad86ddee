"""The words of a file's name: what its owner called it is often the best description there is."""

import re

_EXTENSION = re.compile(r"\.\w{1,5}$")
#: UUIDs, and longer hexadecimal numbers.
_NUMBER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b(?=[a-f]*\d)[0-9a-f]{6,}\b", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[^\W\d_]+")
#: What cameras, telephones and programs put into names; it says nothing about the content.
_NOISE = frozenset(
    {"am", "app", "at", "copy", "dcim", "dsc", "dscf", "dscn", "edit", "edited", "export", "file", "final", "frame"}
    | {"gopr", "image", "img", "jpeg", "jpg", "mov", "mp", "mvi", "pano", "photo", "pic", "picture", "pm", "png", "pxl"}
    | {"sam", "scan", "scr", "screen", "screenshot", "snapshot", "thumb", "tmp", "untitled", "upload", "vid", "video"}
    | {"wa", "whats"}
)


def name_words(filename: str) -> str:
    """The telling words of ``filename`` in their order, or an empty text: ``IMG_2041-redFox.jpg`` -> ``red fox``."""
    name = _NUMBER.sub(" ", _EXTENSION.sub("", filename).replace("_", " "))
    words = [word.lower() for word in _WORD.findall(_CAMEL.sub(" ", name))]
    return " ".join(word for word in words if len(word) > 1 and word not in _NOISE)
