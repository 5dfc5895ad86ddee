"""The page's files, read once: each with its type, its tag, and a compressed form where that is shorter."""

import gzip
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

#: By the end of the name; a file of another kind is no part of the page (licences stay on the disk).
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOLDER = Path(__file__).parent / "static"
#: Stands in HTML for the name of all files together.
_PLACEHOLDER = b"{version}"


@dataclass(frozen=True)
class Asset:
    """One file of the page."""

    body: bytes
    content_type: str

    @cached_property
    def etag(self) -> str:
        return sha256(self.body).hexdigest()[:16]

    @cached_property
    def compressed(self) -> bytes:
        """Made when it is first asked for, not when the gateway starts."""
        return gzip.compress(self.body, mtime=0)


class Assets:
    """All files by their path below ``static``, and the ``version`` that names exactly these."""

    def __init__(self, folder: Path = _FOLDER) -> None:
        paths = sorted(path for path in folder.rglob("*") if path.suffix in _TYPES)
        bodies = {str(path.relative_to(folder)): path.read_bytes() for path in paths}
        self.version = sha256(b"".join(sha256(body).digest() for body in bodies.values())).hexdigest()[:12]
        self._assets = {
            name: Asset(self._named(name, body), _TYPES[Path(name).suffix]) for name, body in bodies.items()
        }

    def get(self, name: str) -> Asset | None:
        """The file of this path; ``None`` where the page has no such file."""
        return self._assets.get(name)

    def _named(self, name: str, body: bytes) -> bytes:
        return body.replace(_PLACEHOLDER, self.version.encode()) if name.endswith(".html") else body
