"""The words of a file's name: what its owner called it is often the best description there is.

A name that a camera, a telephone or a program gave says nothing, and would only draw a picture away from what it shows.
"""

import re
from itertools import groupby

_EXTENSION = re.compile(r"\.\w{1,5}$")
#: UUIDs, and longer hexadecimal numbers.
_NUMBER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b(?=[a-f]*\d)[0-9a-f]{6,}\b", re.IGNORECASE)
_CHUNK = re.compile(r"\w+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[^\W\d_]+")
_VOWEL = re.compile("[aeiouy]")
#: What cameras, telephones and programs put into names; it says nothing about the content.
_NOISE = frozenset(
    {"am", "app", "bildschirmfoto", "capture", "copy", "dcim", "dji", "download", "downloaded", "dsc", "dscf", "dscn"}
    | {"edit", "edited", "export", "exported", "facebook", "fb", "file", "final", "frame", "gopr", "gp", "image", "img"}
    | {"instagram", "jpeg", "jpg", "mov", "mp", "mvi", "pano", "photo", "pic", "picture", "pm", "png", "pxl"}
    | {"received", "recording", "resized", "sam", "scan", "scanned", "scr", "screen", "screencast", "screenrecorder"}
    | {"screenrecording", "screenshot", "screenshots", "shot", "signal", "snap", "snapchat", "snapshot", "telegram"}
    | {"thumb", "thumbnail", "tmp", "tumblr", "unnamed", "untitled", "upload", "uploaded", "uploads", "vid", "video"}
    | {"wa", "webp", "whatsapp", "whats"}
)
#: Of these alone no name consists that somebody chose.
_FILLERS = frozenset({"a", "an", "and", "at", "by", "der", "die", "for", "from", "in", "of", "on", "the", "to", "with"})
#: Changes between letters and digits, or between small and capital letters, beyond which a chunk is a random id.
_MOST_CHANGES = 3
#: ASCII letters without a vowel that are an abbreviation at best; and a share of vowels that no word goes below.
_LONGEST_ABBREVIATION, _LEAST_VOWELS = 3, 0.1
#: Letters of each word on average, below which small and capital ones are mixed at random.
_LEAST_CAMEL = 2.5


def name_words(filename: str) -> str:
    """The telling words of ``filename`` in their order, or an empty text: ``IMG_2041-redFox.jpg`` -> ``red fox``."""
    name = _NUMBER.sub(" ", _EXTENSION.sub("", filename)).replace("_", " ")
    chunks = _CHUNK.findall(name)
    spoken = [chunk for chunk in chunks if not _is_random(chunk)]
    shortest = 2 if spoken == chunks else 3  # beside a random id two letters are a piece of it
    words = [word.lower() for word in _WORD.findall(_CAMEL.sub(" ", " ".join(spoken)))]
    telling = [word for word in words if len(word) >= shortest and word not in _NOISE and not _unspeakable(word)]
    return " ".join(telling) if set(telling) - _FILLERS else ""


def _is_random(chunk: str) -> bool:
    """Whether digits and letters, or small and capital ones, take turns as in ``V1StGXR8`` or ``xKjPqRtYwZ``."""
    if len([*groupby(chunk, str.isdigit)]) > _MOST_CHANGES:
        return True
    humps = _CAMEL.split(chunk)
    return len(humps) > _MOST_CHANGES and len(chunk) < _LEAST_CAMEL * len(humps)


def _unspeakable(word: str) -> bool:
    """Latin letters that are no word of any language; others are taken as they are."""
    if not word.isascii() or len(word) <= _LONGEST_ABBREVIATION:
        return False
    return len(_VOWEL.findall(word)) < _LEAST_VOWELS * len(word)
