"""Opens the storage that a deployment names."""

from importlib import import_module
from pathlib import Path

from broker.media.local import LocalStorage
from broker.media.storage import Storage
from broker.settings.addresses import parse_storage_url


def open_storage(url: str, data_dir: Path) -> Storage:
    """The storage at ``url`` (``STORAGE_URL``), or the folder ``media`` in ``data_dir`` when it is empty.

    Raises ``ValueError`` with a line for the operator.
    """
    if not url:
        return LocalStorage(data_dir / "media")
    try:
        address = parse_storage_url(url)
    except ValueError as error:
        raise ValueError(f"STORAGE_URL={url!r} {error}") from None
    return LocalStorage(Path(address.path)) if address.scheme == "file" else _open_s3(address.bucket, address.path)


def _open_s3(bucket: str, prefix: str) -> Storage:
    """boto3 is heavy and optional, so nothing imports it where another storage is used."""
    storage: Storage = import_module("broker.media.s3").S3Storage(bucket, prefix)
    return storage
