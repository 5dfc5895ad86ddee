"""Objects that grow in S3: an upload in parts.

A part but the last has at least 5 MiB, so smaller pieces are kept beside it as an object of their own, the *tail*,
until there is enough for one. There are 10,000 parts at most, so those of a very large object are larger.
"""

import secrets
import tempfile
from collections.abc import Callable
from typing import IO, Any, BinaryIO

from broker.errors import NotFound
from broker.media.os_errors import writing
from broker.media.resumable import State, Still
from broker.media.s3_errors import s3_errors
from broker.media.storage import CHUNK

_MIB = 1024 * 1024
#: What S3 asks of a part but the last, and what it can take of one; parts that an object is made of at most, of 10,000
#: numbers: the others are for writers that were taken for dead.
_LEAST, _MOST, _PARTS = 5 * _MIB, 64 * _MIB, 9_000
_IN_MEMORY = _MIB


class S3Resumable:
    """Its ``State``: ``id`` of the upload in parts, ``parts`` as [number, entity tag], ``tail`` as [key, bytes].

    A part takes the place of a former one of its number, whoever sends it. So where another writer may still send some,
    numbers are left to that, and ``next`` is the first one behind them.
    """

    def __init__(self, s3: Any, bucket: str, name: Callable[[str], str], delete: Callable[[str], int]) -> None:
        """``name`` is what a key is called in the bucket; ``delete`` removes all below a prefix."""
        self._s3 = s3
        self._bucket = bucket
        self._name = name
        self._delete = delete

    def begin(self, key: str) -> State:
        with s3_errors():
            answer = self._s3.create_multipart_upload(Bucket=self._bucket, Key=self._name(key))
        return {"id": answer["UploadId"], "parts": [], "tail": None}

    def beside(self, state: State, writers: int, size: int) -> State:
        """Each may add its bytes in parts as large as can be, of which the first begins with the tail, the last is what
        is left, and what is too little for one is one more in the end.
        """
        return state | {"next": _next(state) + -(-size // _MOST) + 3 * writers}

    def append(
        self, key: str, state: State, source: BinaryIO, offset: int, size: int, total: int, still: Still = bool
    ) -> State:
        least = max(_LEAST, -(-total // _PARTS))
        state = state | {"parts": list(state["parts"])}
        while size:
            with tempfile.SpooledTemporaryFile(_IN_MEMORY) as part:
                held = self._copy_tail(state, part)
                some = min(size, max(_MOST, least) - held)
                _copy(source, part, some)
                size -= some
                part.seek(0)
                still()
                if held + some >= least:
                    state = self._add(key, state, part)
                else:
                    state["tail"] = [self._keep(key, part), held + some]
        return state

    def complete(self, key: str, state: State, size: int, still: Still = bool) -> None:
        still()
        if state["tail"]:
            with tempfile.SpooledTemporaryFile(_IN_MEMORY) as part:
                self._copy_tail(state, part)
                part.seek(0)
                state = self._add(key, state | {"parts": list(state["parts"])}, part)
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in state["parts"]]
        with s3_errors():
            self._s3.complete_multipart_upload(
                Bucket=self._bucket, Key=self._name(key), UploadId=state["id"], MultipartUpload={"Parts": parts}
            )
        self._delete(_tails(key))

    def remove(self, key: str, state: State) -> None:
        try:
            with s3_errors():
                self._s3.abort_multipart_upload(Bucket=self._bucket, Key=self._name(key), UploadId=state["id"])
        except NotFound:
            pass
        self._delete(_tails(key))

    def _add(self, key: str, state: State, part: IO[bytes]) -> State:
        number = _next(state)
        with s3_errors():
            answer = self._s3.upload_part(
                Bucket=self._bucket, Key=self._name(key), UploadId=state["id"], PartNumber=number, Body=part
            )
        return state | {"parts": [*state["parts"], [number, answer["ETag"]]], "tail": None}

    def _keep(self, key: str, part: IO[bytes]) -> str:
        """Under a new name: the one before is what counts until this one's is kept. They go with the upload."""
        tail = f"{_tails(key)}{secrets.token_hex(8)}"
        with s3_errors():
            self._s3.put_object(Bucket=self._bucket, Key=self._name(tail), Body=part)
        return tail

    def _copy_tail(self, state: State, part: IO[bytes]) -> int:
        if not state["tail"]:
            return 0
        tail, size = state["tail"]
        with s3_errors():
            body = self._s3.get_object(Bucket=self._bucket, Key=self._name(tail))["Body"]
            for chunk in iter(lambda: body.read(CHUNK), b""):
                with writing():
                    part.write(chunk)
        return int(size)


def _next(state: State) -> int:
    """The number of the next part."""
    return int(max(state.get("next", 1), state["parts"][-1][0] + 1 if state["parts"] else 1))


def _tails(key: str) -> str:
    """The folder of what is no part yet, beside the object."""
    return f"{key.rpartition('/')[0]}/upload/"


def _copy(source: BinaryIO, part: IO[bytes], size: int) -> None:
    while size:
        chunk = source.read(min(CHUNK, size))
        if not chunk:
            return
        with writing():
            part.write(chunk)
        size -= len(chunk)
