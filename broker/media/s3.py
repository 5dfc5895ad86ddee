"""Storage in an S3 bucket, or in anything that speaks its protocol (MinIO, R2, Spaces, ...).

Settings come from the usual AWS variables: ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_REGION``,
``AWS_ENDPOINT_URL``, and whatever else boto3 reads. Only this module imports boto3.
"""

import io
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from email.utils import parsedate_to_datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, cast

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from broker.errors import NotFound
from broker.media.resumable import Resumable
from broker.media.s3_errors import MISSING_CODES, PastEndError, s3_errors
from broker.media.s3_resumable import S3Resumable
from broker.media.storage import Aged, Live, StoredObject, check_key, check_prefix, check_range, unavailable
from broker.scratch import Scratch

#: Without threads one part is in memory at a time, and whatever stops the caller stops the transfer.
_TRANSFER = TransferConfig(multipart_threshold=8 * 1024 * 1024, multipart_chunksize=8 * 1024 * 1024, use_threads=False)
#: The most that one request may delete.
_BATCH = 1000
#: Stored and removed again by a thorough check; no key of an object's is so short.
_TRIAL = "check"


class S3Storage:
    """Objects below ``prefix`` in ``bucket``. Safe for any number of threads and processes."""

    def __init__(self, bucket: str, prefix: str = "", environ: Mapping[str, str] = os.environ) -> None:
        """Connects at the first call. ``environ`` has the AWS variables that boto3 does not read by itself."""
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/".lstrip("/")
        self._s3 = _client(environ, connect=5, read=60, attempts=3)
        self._impatient = _client(environ, connect=2, read=3, attempts=1)
        self.resumable: Resumable = S3Resumable(self._s3, self._bucket, self._name, self.delete)

    def put(self, key: str, source: BinaryIO) -> int:
        counted = _Counted(source)
        with s3_errors(missing=unavailable):
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
            with s3_errors():
                answer = self._s3.get_object(Bucket=self._bucket, Key=self._name(key), Range=wanted)
        except PastEndError:  # Also the answer for all of an empty object.
            return io.BytesIO()
        return cast(BinaryIO, io.BufferedReader(_Body(answer["Body"]), 64 * 1024))

    def stat(self, key: str) -> StoredObject:
        with self._looking_for_object():
            answer = self._s3.head_object(Bucket=self._bucket, Key=self._name(key))
        return StoredObject(answer["ContentLength"], answer["ETag"].strip('"'))

    def link(self, key: str, seconds: int, content_type: str) -> str | None:
        """Made without asking the bucket."""
        params = {"Bucket": self._bucket, "Key": self._name(key), "ResponseContentType": content_type}
        with s3_errors():
            return str(self._s3.generate_presigned_url("get_object", Params=params, ExpiresIn=seconds))

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
        with s3_errors(missing=unavailable):
            self._impatient.head_bucket(Bucket=self._bucket)
            if thoroughly:
                name = {"Bucket": self._bucket, "Key": f"{self._prefix}{_TRIAL}"}
                self._impatient.put_object(**name, Body=b"")
                self._impatient.delete_object(**name)

    def delete(self, prefix: str, most: int | None = None) -> int:
        if prefix.endswith("/"):
            keys = islice(self.keys(prefix), most)
            return sum(self._delete_batch(batch) for batch in iter(lambda: list(islice(keys, _BATCH)), []))
        check_key(prefix)
        try:
            self.stat(prefix)
        except NotFound:
            return 0
        return self._delete_batch([prefix])

    def delete_keys(self, keys: Sequence[str]) -> None:
        for start in range(0, len(keys), _BATCH):
            self._delete_batch(list(keys[start : start + _BATCH]))

    def walk(self) -> Iterator[Aged]:
        for page in self._pages("list_objects_v2", ""):
            now = _clock_of(page)
            for found in page.get("Contents", ()):
                key = found["Key"].removeprefix(self._prefix)
                yield Aged(key, now - found["LastModified"].timestamp())

    def remove_unfinished(self, seconds: float, live: Live) -> int:
        """Uploads in parts, which cost as much as objects, and are seen by nobody."""
        removed = 0
        for page in self._pages("list_multipart_uploads", ""):
            kept = live([each["Key"].removeprefix(self._prefix) for each in page.get("Uploads", ())])
            for upload in page.get("Uploads", ()):
                if upload["Key"].removeprefix(self._prefix) in kept:
                    continue
                name = {"Bucket": self._bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}
                with suppress(NotFound), s3_errors():  # it may end meanwhile
                    if _clock_of(page) - self._last_part(name, upload["Initiated"].timestamp()) > seconds:
                        self._s3.abort_multipart_upload(**name)
                        removed += 1
        return removed

    def _last_part(self, name: dict[str, str], began: float) -> float:
        """The second at which the last part came that is there."""
        newest = began
        for page in self._s3.get_paginator("list_parts").paginate(**name):
            newest = max([newest, *(part["LastModified"].timestamp() for part in page.get("Parts", ()))])
        return newest

    def _pages(self, listing: str, prefix: str) -> Iterator[dict[str, Any]]:
        pages = self._s3.get_paginator(listing).paginate(Bucket=self._bucket, Prefix=self._prefix + prefix)
        with s3_errors(missing=unavailable):
            yield from pages

    @contextmanager
    def _looking_for_object(self) -> Iterator[None]:
        """HEAD answers alike for an object and for a bucket that is not there."""
        try:
            with s3_errors():
                yield
        except NotFound:
            try:
                self._s3.head_bucket(Bucket=self._bucket)
            except ClientError as error:  # which may also be that we may not look at the bucket
                if error.response.get("Error", {}).get("Code", "") in MISSING_CODES:
                    raise unavailable() from error
            except BotoCoreError as error:
                raise unavailable() from error
            raise

    def _name(self, key: str) -> str:
        check_key(key)
        return self._prefix + key

    def _list(self, prefix: str) -> Iterator[str]:
        for page in self._pages("list_objects_v2", prefix):
            for found in page.get("Contents", ()):
                yield found["Key"].removeprefix(self._prefix)

    def _delete_batch(self, keys: list[str]) -> int:
        objects = [{"Key": self._name(key)} for key in keys]
        with s3_errors():
            answer = self._s3.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})
        if answer.get("Errors"):
            raise unavailable()
        return len(keys)


def _clock_of(page: dict[str, Any]) -> float:
    """The second it is where an answer came from."""
    told = page.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    return parsedate_to_datetime(told).timestamp() if told else time.time()


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
        with s3_errors():
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
        signature_version="s3v4",  # of links too, for which boto3 has an older one, which many stores refuse
        retries={"mode": "standard", "max_attempts": attempts},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if own_endpoint else "auto"},
    )
    return boto3.client("s3", region_name=environ.get("AWS_REGION") or None, endpoint_url=own_endpoint, config=config)
