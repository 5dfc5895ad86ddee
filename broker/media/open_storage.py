"""Opens the storage that a deployment names."""

from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

from broker.media.local import LocalStorage
from broker.media.storage import Storage

_FORMS = "write file:///absolute/folder or s3://bucket/prefix"


def open_storage(url: str, data_dir: Path) -> Storage:
    """The storage at ``url`` (``STORAGE_URL``), or the folder ``media`` in ``data_dir`` when it is empty.

    Raises ``ValueError`` with a line for the operator.
    """
    if not url:
        return LocalStorage(data_dir / "media")
    parts = urlsplit(url)
    if parts.query or parts.fragment:
        raise ValueError(f"STORAGE_URL={url!r} has a query or fragment; {_FORMS}")
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path not in ("", "/"):
        return LocalStorage(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc:
        return _open_s3(parts.netloc, parts.path)
    raise ValueError(f"STORAGE_URL={url!r} is not understood; {_FORMS}")


def _open_s3(bucket: str, prefix: str) -> Storage:
    """boto3 is heavy and optional, so nothing imports it where another storage is used."""
    try:
        s3 = import_module("broker.media.s3")
    except ModuleNotFoundError as error:
        raise ValueError("STORAGE_URL is on S3, which needs boto3: pip install 'mindia-tasks[s3]'") from error
    storage: Storage = s3.S3Storage(bucket, prefix)
    return storage
