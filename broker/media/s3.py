"""Storage in an S3 bucket, or in anything that speaks its protocol (MinIO, R2, Spaces, ...).

Settings come from the usual AWS variables: ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_REGION``,
``AWS_ENDPOINT_URL``, and whatever else boto3 reads. Only this module imports boto3.
"""

import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, cast

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from broker.errors import NotFound, StorageFull, TaskBrokerError
from broker.media.storage import MISSING, StoredObject, check_key, check_prefix, check_range, unavailable
from broker.scratch import Scratch

#: Without threads one part is in memory at a time, and whatever stops the caller stops the transfer.
_TRANSFER = TransferConfig(multipart_threshold=8 * 1024 * 1024, multipart_chunksize=8 * 1024 * 1024, use_threads=False)
#: The most that one request may delete.
_BATCH = 1000
#: Stored and removed again by a thorough check; no key of an object's is so short.
_TRIAL = "check"
_MISSING_CODES = frozenset({"404", "NoSuchKey", "NotFound"})


class S3Storage:
    """Objects below ``prefix`` in ``bucket``. Safe for any number of threads and processes."""

    def __init__(self, bucket: str, prefix: str = "", environ: Mapping[str, str] = os.environ) -> None:
        """Connects at the first call. ``environ`` has the AWS variables that boto3 does not read by itself."""
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/".lstrip("/")
        self._s3 = _client(environ, connect=5, read=60, attempts=3)
        self._impatient = _client(environ, connect=2, read=3, attempts=1)

    def put(self, key: str, source: BinaryIO) -> int:
        counted = _Counted(source)
        with _s3_errors(missing=unavailable):
            self._s3.upload_fileobj(counted, self._bucket, self._name(key), Config=_TRANSFER)
        return counted.size

    def put_file(self, key: str, path: Path) -> int:
        with path.open("rb") as source:
            return self.put(key, source)

    def open(self, key: str, start: int = 0, length: int | None = None) -> BinaryIO:
        check_range(start, length)
        if length == 0:
            self.stat(key)
            return io.BytesIO()
        end = "" if length is None else start + length - 1
        wanted = f"bytes={start}-{end}"
        try:
            with _s3_errors():
                answer = self._s3.get_object(Bucket=self._bucket, Key=self._name(key), Range=wanted)
        except _PastEndError:  # Also the answer for all of an empty object.
            return io.BytesIO()
        return cast(BinaryIO, io.BufferedReader(_Body(answer["Body"]), 64 * 1024))

    def stat(self, key: str) -> StoredObject:
        with self._looking_for_object():
            answer = self._s3.head_object(Bucket=self._bucket, Key=self._name(key))
        return StoredObject(answer["ContentLength"], answer["ETag"].strip('"'))

    @contextmanager
    def local_file(self, key: str) -> Iterator[Path]:
        with closing(Scratch()) as scratch:
            path = scratch.path / key.rpartition("/")[2]
            name = self._name(key)
            with path.open("wb") as file, self._looking_for_object():
                self._s3.download_fileobj(self._bucket, name, file, Config=_TRANSFER)
            yield path

    def keys(self, prefix: str) -> Iterator[str]:
        check_prefix(prefix)
        return self._list(prefix)

    def check(self, *, thoroughly: bool = False) -> None:
        """A bucket that keeps versions would keep one of every trial, so only a thorough one stores something."""
        with _s3_errors(missing=unavailable):
            self._impatient.head_bucket(Bucket=self._bucket)
            if thoroughly:
                name = {"Bucket": self._bucket, "Key": f"{self._prefix}{_TRIAL}"}
                self._impatient.put_object(**name, Body=b"")
                self._impatient.delete_object(**name)

    def delete(self, prefix: str) -> int:
        if prefix.endswith("/"):
            keys = self.keys(prefix)
            return sum(self._delete_batch(batch) for batch in iter(lambda: list(islice(keys, _BATCH)), []))
        check_key(prefix)
        try:
            self.stat(prefix)
        except NotFound:
            return 0
        return self._delete_batch([prefix])

    @contextmanager
    def _looking_for_object(self) -> Iterator[None]:
        """HEAD answers alike for an object and for a bucket that is not there."""
        try:
            with _s3_errors():
                yield
        except NotFound:
            try:
                self._s3.head_bucket(Bucket=self._bucket)
            except ClientError as error:  # which may also be that we may not look at the bucket
                if error.response.get("Error", {}).get("Code", "") in _MISSING_CODES:
                    raise unavailable() from error
            except BotoCoreError as error:
                raise unavailable() from error
            raise

    def _name(self, key: str) -> str:
        check_key(key)
        return self._prefix + key

    def _list(self, prefix: str) -> Iterator[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix + prefix)
        with _s3_errors():
            for page in pages:
                for found in page.get("Contents", ()):
                    yield found["Key"].removeprefix(self._prefix)

    def _delete_batch(self, keys: list[str]) -> int:
        objects = [{"Key": self._name(key)} for key in keys]
        with _s3_errors():
            answer = self._s3.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})
        if answer.get("Errors"):
            raise unavailable()
        return len(keys)


class _PastEndError(Exception):
    """The range begins behind the object's last byte."""


class _Counted:
    """A source that counts what was read of it."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self.size += len(data)
        return data


class _Body(io.RawIOBase):
    """A response body that fails in the words of the storage interface."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _s3_errors():
            data = self._body.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._body.close()
        super().close()


def _client(environ: Mapping[str, str], *, connect: float, read: float, attempts: int) -> Any:
    """A client that waits seconds, not minutes, and asks for nothing that only Amazon's own S3 understands."""
    own_endpoint = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL")
    config = Config(
        connect_timeout=connect,
        read_timeout=read,
        retries={"mode": "standard", "max_attempts": attempts},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if own_endpoint else "auto"},
    )
    return boto3.client("s3", region_name=environ.get("AWS_REGION") or None, endpoint_url=own_endpoint, config=config)


@contextmanager
def _s3_errors(missing: Callable[[], TaskBrokerError] = lambda: NotFound(MISSING)) -> Iterator[None]:
    """boto3's errors in the words of the storage interface; ``missing`` makes that of something that is not there."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in _MISSING_CODES:
            raise missing() from error
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == HTTPStatus.INSUFFICIENT_STORAGE:
            raise StorageFull(retry_after=60) from error
        if code in ("416", "InvalidRange"):
            raise _PastEndError from error
        raise unavailable() from error
    except BotoCoreError as error:
        raise unavailable() from error
