"""Looks into samples of AV1 (AV1 Bitstream & Decoding Process Specification, sections 5.3 to 5.9)."""

from collections.abc import Iterator

_SEQUENCE_HEADER, _FRAME_HEADER, _FRAME = 1, 3, 6


def begins_anew(sample: bytes) -> bool:
    """Whether decoding can start at this sample and nothing after it looks back beyond: it holds a sequence header, and
    its first frame is a key frame that is shown.
    """
    described = False
    for kind, content in _units(sample):
        described = described or kind == _SEQUENCE_HEADER
        if kind in (_FRAME_HEADER, _FRAME):
            # The first bits: show_existing_frame, frame_type (0 is a key frame) in two, show_frame.
            return described and bool(content) and content[0] >> 4 == 1
    return False


def _units(sample: bytes) -> Iterator[tuple[int, bytes]]:
    """Types and contents of the open bitstream units; without a size, one goes on to the end."""
    at = 0
    while at < len(sample):
        head = sample[at]
        at += 2 if head & 4 else 1
        size = len(sample) - at
        if head & 2:
            size, at = _leb128(sample, at)
        yield head >> 3 & 15, sample[at : at + size]
        at += size


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """The number there, seven bits in each byte, and where it ends."""
    value = 0
    for number in range(8):
        byte = data[at] if at < len(data) else 0
        value, at = value | (byte & 127) << 7 * number, at + 1
        if not byte & 128:
            break
    return value, at
