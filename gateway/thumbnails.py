"""Small pictures of images, in a few widths: drawn when one is first asked for, and kept for the next who asks.

A file that was refused is not tried again for a while, by this process: it would most likely be refused again.
"""

import io
import signal
import time

from broker.errors import NotFound, TaskBrokerError
from broker.media import paths
from broker.media.records import MediaRecord
from broker.media.storage import StoredObject
from gateway import drawing
from gateway.current import broker

#: Pixels; each in a place of its own.
WIDTHS = (160, 320, 640, 1280)
#: Seconds for which one more waits while others are drawn, and those that one may take.
_PATIENCE, _LONGEST = 5.0, 30.0
#: Bytes of an uploaded file: 90 million pixels of 16 bits in three colours, not compressed.
_MOST_BYTES = 540_000_000
_WEBP = b"RIFF"
#: Seconds for which a refusal is remembered, and how many are.
_REMEMBERED, _MOST_REFUSALS = 600.0, 1000
#: With which ``handlers.media.thumbnail`` ends after the line of a refusal.
_REFUSAL = 3
#: How it ends by what the file has made it do, and what that means.
_ENDS = {-signal.SIGXCPU: "This picture takes too long to be decoded."} | dict.fromkeys(
    (-signal.SIGABRT, -signal.SIGBUS, -signal.SIGFPE, -signal.SIGILL, -signal.SIGSEGV, -signal.SIGSYS, -signal.SIGTRAP),
    "This file cannot be read as a picture: it is damaged.",
)


#: Until when, and why, by the key of the uploaded file; the oldest first.
_refused: dict[str, tuple[float, str]] = {}
_now = time.monotonic


class NoThumbnail(TaskBrokerError):
    """This image cannot be drawn."""

    code, status = "no_thumbnail", 409


def thumbnail(record: MediaRecord, width: int) -> tuple[str, StoredObject]:
    """The storage key of the picture, a WebP, in the next of ``WIDTHS``, and what is stored there.

    Raises ``NothingToShow``, ``NoThumbnail``, ``NotFound`` where the uploaded file is missing, and ``Unavailable``.
    """
    if record.fetch:
        raise drawing.NothingToShow("This image is not fetched yet; ask again once its status is completed.")
    drawn = next((each for each in WIDTHS if each >= width), WIDTHS[-1])
    key = f"{paths.thumbnails(record.tenant, record.id, drawn)}{drawn}.webp"
    if stored := drawing.kept(broker().storage, key):
        return key, stored
    with drawing.turn(_PATIENCE):
        if not drawing.kept(broker().storage, key):  # by another who has asked at the same time
            _keep(record, key, _draw(record, drawn))
    return key, broker().storage.stat(key)


def _keep(record: MediaRecord, key: str, drawn: bytes) -> None:
    broker().storage.put(key, io.BytesIO(drawn))
    if not broker().media.exists(record.tenant, record.id):  # any more
        broker().storage.delete(key)
        raise NotFound()


def _draw(record: MediaRecord, width: int) -> bytes:
    until, why = _refused.get(record.source_key, (0.0, ""))
    if _now() < until:
        raise NoThumbnail(why)
    try:
        return _drawn(record, width)
    except NoThumbnail as error:
        _refused.pop(record.source_key, None)
        _refused[record.source_key] = _now() + _REMEMBERED, error.message
        for oldest in list(_refused)[:-_MOST_REFUSALS]:
            _refused.pop(oldest, None)
        raise


def _drawn(record: MediaRecord, width: int) -> bytes:
    if record.size > _MOST_BYTES:
        raise NoThumbnail(f"This file has more than {_MOST_BYTES // 1_000_000} MB.")
    with broker().storage.local_file(record.source_key) as path:
        ended = drawing.run("handlers.media.thumbnail", str(path), str(width), seconds=_LONGEST)
    if ended.returncode == _REFUSAL:
        raise NoThumbnail(ended.stdout.decode())
    if ended.returncode in _ENDS:
        raise NoThumbnail(_ENDS[ended.returncode])
    if not ended.stdout.startswith(_WEBP):
        broker().storage.stat(record.source_key)
        raise drawing.undrawn() from drawing.complaint(ended)
    return ended.stdout
