"""Sound without a container: a row of frames, each of which begins with what it is and how long it is.

A header is a few bits, which chance makes, too: of all but MP3, another such frame has to follow the first.
"""

from collections.abc import Callable

#: Kbit/s of layer II (ISO/IEC 11172-3, table 3-B.2), and of those with half the sampling rate (ISO/IEC 13818-3).
_LAYER_II = (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_LAYER_II_HALF = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG_RATES = (44_100, 48_000, 32_000)
#: Kbit/s of AC-3, and the samples a second of it (ETSI TS 102 366, table 4.13).
_AC3 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
_AC3_RATES = (48_000, 44_100, 32_000)
_AC3_SYNC, _AC3_SAMPLES = b"\x0b\x77", 1536
#: Up to which of its versions it is AC-3; the later ones, up to the second, are Enhanced AC-3.
_LAST_AC3, _LAST_EAC3 = 10, 16


def framed(head: bytes) -> str | None:
    """``mp3``, ``mp2``, ``aac``, ``ac3`` or ``eac3`` for what begins with such a frame, else ``None``."""
    if _is_mp3(head):
        return "mp3"
    for name, length in _LENGTHS:
        if (first := length(head)) and length(head[first:]):
            return name
    return None


def _is_mp3(head: bytes) -> bool:
    """Layer III (ISO/IEC 11172-3), all fields in use."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return False
    version, bitrate, sample_rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and bitrate not in (0, 15) and sample_rate != 3


def _mp2(head: bytes) -> int:
    """Bytes of the frame that begins here, 0 for none; likewise the others."""
    if len(head) < 3 or head[0] != 0xFF or head[1] & 0xF6 != 0xF4:
        return 0
    half, bitrate, sample_rate = not head[1] & 8, head[2] >> 4, head[2] >> 2 & 3
    if bitrate in (0, 15) or sample_rate == 3:
        return 0
    kbits = (_LAYER_II_HALF if half else _LAYER_II)[bitrate - 1]
    return 144_000 * kbits // (_MPEG_RATES[sample_rate] >> half) + (head[2] >> 1 & 1)


def _aac(head: bytes) -> int:
    """AAC with a header before each frame (ISO/IEC 13818-7)."""
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 >= 13:
        return 0
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return length if length >= 7 else 0


def _ac3(head: bytes) -> int:
    if len(head) < 6 or head[:2] != _AC3_SYNC or head[5] >> 3 > _LAST_AC3:
        return 0
    rate, size = head[4] >> 6, head[4] & 63
    if rate == 3 or size >> 1 >= len(_AC3):
        return 0
    words = _AC3[size >> 1] * 1000 * _AC3_SAMPLES // 16 // _AC3_RATES[rate]
    return 2 * (words + (size & 1 if rate == 1 else 0))


def _eac3(head: bytes) -> int:
    if len(head) < 6 or head[:2] != _AC3_SYNC or not _LAST_AC3 < head[5] >> 3 <= _LAST_EAC3:
        return 0
    return 2 * (((head[2] & 7) << 8 | head[3]) + 1)


_LENGTHS: tuple[tuple[str, Callable[[bytes], int]], ...] = (
    ("mp2", _mp2),
    ("aac", _aac),
    ("ac3", _ac3),
    ("eac3", _eac3),
)
