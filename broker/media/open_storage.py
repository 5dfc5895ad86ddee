"""The storages there are, and the one that a deployment names: what ``STORAGE_URL`` may be is said here alone."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from broker.media.local import LocalStorage
from broker.media.storage import Storage


class _Kind(NamedTuple):
    #: What to write, for the operator.
    form: str
    #: Whether a URL without query and fragment has that form.
    fits: Callable[[SplitResult], bool]
    open: Callable[[SplitResult], Storage]
    #: The library it needs, which the extra of the scheme's name brings.
    library: str = ""


def _open_s3(url: SplitResult) -> Storage:
    """boto3 is heavy and optional, so nothing imports it where another storage is used."""
    storage: Storage = import_module("broker.media.s3").S3Storage(url.netloc, url.path)
    return storage


#: By scheme.
_KINDS = {
    "file": _Kind(
        "file:///absolute/folder",
        lambda url: url.netloc in ("", "localhost") and url.path not in ("", "/"),
        lambda url: LocalStorage(Path(unquote(url.path))),
    ),
    "s3": _Kind("s3://bucket/prefix", lambda url: bool(url.netloc), _open_s3, library="boto3"),
}
_FORMS = f"write {' or '.join(kind.form for kind in _KINDS.values())}"


def open_storage(url: str, data_dir: Path) -> Storage:
    """The storage at ``url`` (``STORAGE_URL``), or the folder ``media`` in ``data_dir`` when it is empty.

    Raises ``ValueError`` with a line for the operator.
    """
    if not url:
        return LocalStorage(data_dir / "media")
    try:
        parts = _parts(url)
    except ValueError as error:
        raise ValueError(f"STORAGE_URL={url!r} {error}") from None
    return _KINDS[parts.scheme].open(parts)


def check_url(url: str) -> None:
    """Raises ``ValueError`` for what names no storage, or one whose library is not installed."""
    scheme = _parts(url).scheme
    library = _KINDS[scheme].library
    if library and find_spec(library) is None:
        raise ValueError(f"needs {library}: pip install 'mindia-tasks[{scheme}]'")


def _parts(url: str) -> SplitResult:
    """Those of a URL that has one of the forms. Raises ``ValueError`` for any other."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(f"cannot be read; {_FORMS}") from None
    if parts.query or parts.fragment:
        raise ValueError(f"has a query or fragment; {_FORMS}")
    if parts.scheme not in _KINDS or not _KINDS[parts.scheme].fits(parts):
        raise ValueError(f"is not understood; {_FORMS}")
    return parts
