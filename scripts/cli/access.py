"""Where the API is, and with which key: as told, else as ``make run`` on this machine has left it in ``DATA_DIR``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from scripts.cli.failure import KEY_REFUSED, Failure, Usage

DEFAULT_URL = "http://127.0.0.1:8000"
#: A folder that somebody else has made must not send our key elsewhere.
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class Access:
    """An address without a slash at its end, a key, and where each came from, in words."""

    url: str
    key: str = field(repr=False)
    url_from: str
    key_from: str


def find_access(url: str | None, environ: Mapping[str, str]) -> Access:
    """``url`` is that of the command line. Raises ``Failure`` for an address that is none, or without a key."""
    folder = Path(environ.get("DATA_DIR") or ".data")
    running = _address_in(folder)
    given = (url or environ.get("MINDIA_URL") or "").strip().rstrip("/")
    address = _checked(given) if given else running or DEFAULT_URL
    url_from = ("--url" if url else "MINDIA_URL") if given else f"make run in {folder}" if running else "the default"
    key = _sendable(environ.get("MINDIA_KEY", ""))
    if key:
        return Access(address, key, url_from, "MINDIA_KEY")
    kept = _read(folder / "api_key") if address == running else ""
    if not kept:
        begin = (
            "" if given or running else f", or start the system with `make run` (nothing was, in {folder.absolute()})"
        )
        raise Failure(f"No API key for {address}: set MINDIA_KEY{begin}.", KEY_REFUSED, "no_key")
    return Access(address, kept, url_from, str(folder / "api_key"))


def _address_in(folder: Path) -> str:
    """That of the run that goes on, or was last, in ``folder``; empty when there was none."""
    url = _read(folder / "run.lock").partition(" ")[0].rstrip("/")
    try:
        return url if urlsplit(url).hostname in _LOOPBACK else ""
    except ValueError:
        return ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or "?" in url or "#" in url:
        raise Usage(f"{url!r} is no address of a gateway: write http://HOST:PORT or https://HOST.")
    return url


def _sendable(key: str) -> str:
    key = key.strip()
    if key and not (key.isascii() and key.isprintable() and " " not in key):
        raise Failure("MINDIA_KEY has characters that no API key has.", KEY_REFUSED, "no_key")
    return key
