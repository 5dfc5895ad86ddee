"""What boto3 says of S3, in the words of the storage interface."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

from botocore.exceptions import BotoCoreError, ClientError

from broker.errors import NotFound, StorageFull, TaskBrokerError
from broker.media.storage import MISSING, unavailable

MISSING_CODES = frozenset({"404", "NoSuchKey", "NoSuchUpload", "NotFound"})


class PastEndError(Exception):
    """The range begins behind the object's last byte."""


@contextmanager
def s3_errors(missing: Callable[[], TaskBrokerError] = lambda: NotFound(MISSING)) -> Iterator[None]:
    """boto3's errors in the words of the storage interface; ``missing`` makes that of something that is not there."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in MISSING_CODES:
            raise missing() from error
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == HTTPStatus.INSUFFICIENT_STORAGE:
            raise StorageFull(retry_after=60) from error
        if code in ("416", "InvalidRange"):
            raise PastEndError from error
        raise unavailable() from error
    except BotoCoreError as error:
        raise unavailable() from error
