"""The resumable upload protocol tus 1.0.0 (tus.io): its headers, read and written."""

import base64
import hashlib
import re
from typing import IO

from broker.defects import Defect
from broker.errors import ChecksumMismatch, InvalidInput

VERSION = "1.0.0"
EXTENSIONS = ("creation", "creation-with-upload", "creation-defer-length", "expiration", "termination", "checksum")
#: Of bodies, and of what is sent with a checksum.
CONTENT_TYPE, CHECKSUM = "application/offset+octet-stream", "UPLOAD-CHECKSUM"
ALGORITHMS = ("sha1", "sha256", "sha512", "md5")
#: Characters of ``Upload-Metadata``.
MAX_METADATA = 8192
#: What uploaders say of files that is for other servers, or said twice.
_FOR_OTHERS = frozenset({"name", "type", "relativePath", "filetype"})
#: Types of documents beside those of text.
_DOCUMENTS = frozenset(
    {
        "application/pdf",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/x-subrip",
        "application/xhtml+xml",
    }
)
_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]+")


def described(max_size: int) -> dict[str, str]:
    """What is spoken here."""
    return {
        "Tus-Version": VERSION,
        "Tus-Extension": ",".join(EXTENSIONS),
        "Tus-Max-Size": str(max_size),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }


def metadata(header: str) -> dict[str, str]:
    """The pairs of ``Upload-Metadata``, without those that tell us nothing. Raises ``InvalidInput``."""
    found: dict[str, str] = {}
    defects: list[Defect] = []
    for pair in filter(None, map(str.strip, header.split(","))):
        key, _, value = pair.partition(" ")
        try:
            text = base64.b64decode(value, validate=True).decode()
        except ValueError:
            defects.append({"pointer": key, "detail": "Must be UTF-8 in Base64."})
            continue
        if not _KEY.fullmatch(key) or key in found:
            defects.append({"pointer": key, "detail": "Given more than once, or no name."})
        found[key] = text
    if defects:
        raise InvalidInput(errors=defects)
    if "filename" not in found and "name" in found:
        found["filename"] = found["name"]
    if "kind" not in found and (kind := _kind(found.get("filetype") or found.get("type") or "")):
        found["kind"] = kind
    return {name: text for name, text in found.items() if name not in _FOR_OTHERS}


def check_sum(header: str, body: IO[bytes]) -> None:
    """Raises ``ChecksumMismatch`` unless the body has this ``Upload-Checksum``, and ``InvalidInput`` for what is none.

    ``body`` is read from where it stands, and stands there again.
    """
    algorithm, _, value = header.partition(" ")
    try:
        wanted = base64.b64decode(value, validate=True)
    except ValueError:
        wanted = b""
    if algorithm not in ALGORITHMS or not wanted:
        detail = f"Must be one of {', '.join(ALGORITHMS)}, a space and the checksum in Base64."
        raise InvalidInput(errors=[{"pointer": "Upload-Checksum", "detail": detail}])
    start = body.tell()
    digest = hashlib.new(algorithm, usedforsecurity=False)
    for chunk in iter(lambda: body.read(1024 * 1024), b""):
        digest.update(chunk)
    body.seek(start)
    if digest.digest() != wanted:
        raise ChecksumMismatch()


def speaks(header: str | None) -> bool:
    """Whether a request with this ``Tus-Resumable`` is of this version."""
    return header == VERSION


def _kind(media_type: str) -> str:
    """What kind of media a type like ``video/mp4`` is."""
    named = media_type.partition(";")[0].strip().lower()
    top = named.partition("/")[0]
    if top in ("video", "image", "audio"):
        return top
    return "document" if top == "text" or named in _DOCUMENTS else ""
