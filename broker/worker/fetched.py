"""A media file whose bytes a run has to fetch before it can work on them."""

import time
from typing import IO, TYPE_CHECKING

from broker.broker import Broker
from broker.errors import NotFound, PermanentError, Postpone, QuotaExceeded, TaskBrokerError, UnsupportedMedia
from broker.media.fetching import Origin
from broker.media.records import MediaRecord
from broker.media.sniff import HEAD_BYTES, type_of
from broker.outbound.download import Download

if TYPE_CHECKING:
    from broker.context import TaskContext

#: Seconds of the run's time that are left for what it is about.
_RESERVE = 5.0
#: Seconds for which others leave it to a run that fetches, which says so again and again; and until they look again.
_AT_IT, _LOOK = 30.0, 3.0
_MIB = 1024 * 1024


def fetch(record: MediaRecord, context: "TaskContext", broker: Broker) -> None:
    """Stores the file and tells what it is.

    Raises ``PermanentError`` for what no retry can cure, in words that do not name the URL, and ``Postpone`` while
    another run fetches the same file.
    """
    name = f"fetch {record.id}"
    if context.cooldown(name):
        raise Postpone(_LOOK)
    context.start_cooldown(name, _AT_IT)
    path = context.scratch / "fetched"
    try:
        with path.open("w+b") as file:
            size = _download(broker.fetching.origin(record), file, context, broker, name)
            file.seek(0)
            content_type = type_of(file.read(HEAD_BYTES), record.kind, record.filename)
        context.storage.put_file(record.source_key, path)
        _note(record, size, content_type, broker)
    except TaskBrokerError as error:
        if error.retryable or isinstance(error, PermanentError):
            raise
        raise PermanentError(error.message) from error
    finally:
        path.unlink(missing_ok=True)
        context.start_cooldown(name, 0)


def _download(origin: Origin, file: IO[bytes], context: "TaskContext", broker: Broker, name: str) -> int:
    told = time.monotonic()

    def tell(size: int) -> None:
        nonlocal told
        context.progress(0, f"fetching the file: {size // _MIB} MiB")
        if time.monotonic() - told > _AT_IT / 3:
            told = time.monotonic()
            context.start_cooldown(name, _AT_IT)

    size = Download(
        origin.url,
        file,
        max_bytes=origin.max_bytes,
        seconds=context.seconds_left() - _RESERVE,
        allow_private=broker.settings.webhooks_allow_private,
        tell=tell,
    ).run()
    if not size:
        raise UnsupportedMedia("The file at the URL is empty.")
    return size


def _note(record: MediaRecord, size: int, content_type: str, broker: Broker) -> None:
    try:
        broker.fetching.note(record, size, content_type)
    except QuotaExceeded as error:
        broker.storage.delete(record.source_key)
        raise PermanentError(error.message) from error
    except NotFound as error:
        broker.storage.delete(record.source_key)
        raise PermanentError(f"There is no media file {record.id} (any more).") from error
