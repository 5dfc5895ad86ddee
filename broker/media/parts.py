"""What the vectors of a media file stand for, part by part: where a search has found something, and why.

Kept beside the vectors, packed, so that whoever answers a search needs to decode no media and load nothing before it.
"""

import zlib
from collections.abc import Sequence

import msgspec

#: What a vector was made of: labels that a classifier sees, the picture itself (by a model that sees), the words of the
#: file's name or its own title, a passage of a document, what is said, words that are written in a picture.
LABEL, PICTURE, NAME, PASSAGE, SPEECH, TEXT = "label", "picture", "name", "passage", "speech", "text"
#: Characters of one part's words, and parts of one file, that are kept.
MAX_TEXT, MAX_PARTS = 2_000, 2_000
#: Bytes of all parts of one file, unpacked: what a foreign hand has written must not fill a process.
_MOST_BYTES = 16 * 2**20
#: Begins what is packed in this form; whoever meets another one knows no places.
_FORM = b"1"


class Part(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """One vector's own. What does not apply is ``None``; members are added at the end only."""

    #: One of the words above.
    matched: str
    #: The words that were embedded, if it was made of words; of labels, those that say the most, with commas between.
    text: str = ""
    #: Seconds from the beginning of a recording, and where it ends; of a frame, only when it is shown.
    start: float | None = None
    end: float | None = None
    #: Of a document that has pages, counted from 1.
    page: int | None = None
    #: Characters of the document's text, or of the page's, before the passage.
    offset: int | None = None


_decoder = msgspec.msgpack.Decoder(tuple[Part, ...])


def pack(parts: Sequence[Part]) -> bytes:
    """Raises ``ValueError`` for more than ``MAX_PARTS``; longer words are cut off."""
    if len(parts) > MAX_PARTS:
        raise ValueError(f"a media file has at most {MAX_PARTS} parts, not {len(parts)}")
    short = [
        msgspec.structs.replace(part, text=part.text[:MAX_TEXT]) if len(part.text) > MAX_TEXT else part
        for part in parts
    ]
    return _FORM + zlib.compress(msgspec.msgpack.encode(short))


def unpack(packed: bytes | None, count: int | None = None) -> tuple[Part, ...]:
    """Empty where there is nothing, or nothing of this form, or not of ``count`` parts: of vectors older than these."""
    if not packed or not packed.startswith(_FORM):
        return ()
    try:
        inflate = zlib.decompressobj()
        parts = _decoder.decode(inflate.decompress(packed[len(_FORM) :], _MOST_BYTES))
    except (zlib.error, msgspec.MsgspecError):
        return ()
    return parts if count in (None, len(parts)) else ()
