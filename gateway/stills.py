"""Pictures of any moment of a video: drawn from one segment of a finished rendition, and kept for the next who asks.

A picture is drawn by an ffmpeg of its own, which is fed with that segment; of a video no more than ``_SLOTS`` are kept.
"""

import io
from zlib import crc32

from broker.media import paths
from broker.media.records import MediaRecord
from broker.media.storage import StoredObject
from gateway import drawing, rendition
from gateway.current import broker

#: Seconds for which one more waits while others are drawn, and those that one may take.
_PATIENCE, _LONGEST = 2.0, 10.0
#: Pictures of one video that are kept.
_SLOTS = 512
#: Bytes of a segment; five million are usual.
_MOST_BYTES = 64 * 2**20
_JPEG = b"\xff\xd8"


def still(record: MediaRecord, seconds: float, width: int) -> tuple[str, StoredObject]:
    """The storage key of the picture that the video shows at this moment, and what is stored there.

    A moment past its end has the last picture. It is no wider than ``width`` pixels. Raises ``NothingToShow``
    and ``Unavailable``.
    """
    playlist, rate = rendition.fitting(record, width), record.info.get("frame_rate")
    if playlist is None or not rate:
        raise drawing.NothingToShow()
    length = record.info.get("duration_seconds") or 0.0
    picture = max(0, min(_picture(seconds, rate), _picture(length, rate) - 1))
    folder = _folder(record, picture, width)
    key = f"{folder}{picture}_{width}.jpg"
    if stored := drawing.kept(broker().storage, key):
        return key, stored
    _keep(folder.removesuffix(record.stream), key, _draw(record, playlist, picture, rate, width))
    return key, broker().storage.stat(key)


def _picture(seconds: float, rate: float) -> int:
    """The number of the picture that is shown; times are rounded on their way."""
    return int(seconds * rate + 0.01)


def _folder(record: MediaRecord, picture: int, width: int) -> str:
    """One of so many, which holds one picture."""
    slot = crc32(f"{picture} {width}".encode()) % _SLOTS
    return f"{paths.thumbnails(record.tenant, record.id, slot)}{record.stream}"


def _keep(folder: str, key: str, drawn: bytes) -> None:
    for other in list(broker().storage.keys(folder)):
        broker().storage.delete(other)
    broker().storage.put(key, io.BytesIO(drawn))


def _draw(record: MediaRecord, playlist: str, picture: int, rate: float, width: int) -> bytes:
    with drawing.turn(_PATIENCE):
        around = rendition.read(_stored(record, playlist).decode())
        segment, after, length = around.at((picture + 0.5) / rate)
        number = min(int(after * rate), max(0, round(length * rate) - 1))
        folder = playlist.rpartition("/")[0]
        fed = b"".join(_stored(record, f"{folder}/{name}") for name in (around.init, segment))
        return _run(fed, number, width)


def _stored(record: MediaRecord, name: str) -> bytes:
    with broker().storage.open(paths.hls(record.tenant, record.id, name), 0, _MOST_BYTES) as file:
        return file.read()


def _run(fed: bytes, number: int, width: int) -> bytes:
    ended = drawing.run("handlers.media.still", str(number), str(width), fed=fed, seconds=_LONGEST)
    if not ended.stdout.startswith(_JPEG):
        raise drawing.undrawn() from drawing.complaint(ended)
    return ended.stdout
