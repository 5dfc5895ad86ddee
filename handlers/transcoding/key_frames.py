"""Gathers the key frames of a rendition in one file, each in a fragment of its own, for players that leap (trick play).

They are copied, not encoded anew. The file begins with the rendition's own initialization segment.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from pathlib import Path
from struct import pack
from typing import NamedTuple

from handlers.transcoding.hls_output import INIT
from handlers.transcoding.ladder import Rung
from handlers.transcoding.playlists import MEDIA, Track
from handlers.transcoding.validation.fragments import TrackFacts, read_init, read_samples

FOLDER = "iframes"
FILE = f"{FOLDER}/iframes.mp4"
PLAYLIST = f"{FOLDER}/{MEDIA}"
#: ffmpeg's number of a file's only track, and the flags of a sample that needs no other (ISO/IEC 14496-12, 8.8.3).
_TRACK, _SYNC = 1, 0x02000000
#: Bytes of a box before its content; which fields there are in those below (8.8.7 and 8.8.8).
_BOX_HEAD = 8
_BASE_IS_MOOF, _OFFSET_DURATION_SIZE_FLAGS = 0x020000, 0x701


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """When it is shown and for how long, in seconds, and the bytes of its fragment in the file."""

    start: Fraction
    duration: Fraction
    at: int
    bytes: int


@dataclass(frozen=True, slots=True)
class KeyFrames:
    """What the file holds: ``init`` bytes, then the key frames in order; at least one."""

    rung: Rung
    codec: str
    init: int
    frames: tuple[KeyFrame, ...]

    @property
    def seconds(self) -> Fraction:
        """The length of the rendition."""
        return sum((frame.duration for frame in self.frames), Fraction(0))


def gather(rung: Rung, track: Track, read: Callable[[str], bytes], folder: Path) -> KeyFrames:
    """Write the file below ``folder``. ``read`` answers the bytes of the rendition's files by their names."""
    init = read(f"{track.name}/{INIT}")
    facts = read_init(init)
    frames: list[KeyFrame] = []
    path = folder / FILE
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        at = file.write(init)
        for segment in track.segments:
            for picture in _pictures(read(f"{track.name}/{segment.name}"), facts):
                size = file.write(_fragment(len(frames) + 1, picture))
                start, duration = (Fraction(ticks, facts.timescale) for ticks in (picture.shown, picture.duration))
                frames.append(KeyFrame(start, duration, at, size))
                at += size
    return KeyFrames(rung, track.codec, len(init), tuple(frames))


class _Picture(NamedTuple):
    """A key frame's content; times in ticks."""

    shown: int
    duration: int
    content: bytes


def _pictures(data: bytes, facts: TrackFacts) -> list[_Picture]:
    """The key frames of a segment. Each is shown until the next, and the last until the segment ends."""
    samples = read_samples(data, facts)
    keys = [sample for sample in samples if sample.sync]
    times = [*(key.start + key.offset for key in keys), samples[-1].start + samples[-1].duration]
    return [
        _Picture(shown, until - shown, data[key.at : key.at + key.size])
        for key, (shown, until) in zip(keys, pairwise(times), strict=True)
    ]


def _fragment(number: int, picture: _Picture) -> bytes:
    """A movie fragment of one sample (8.8.4)."""
    flags = _BASE_IS_MOOF.to_bytes(3)
    header = _box(b"mfhd", pack(">II", 0, number))
    track = _box(b"tfhd", b"\0" + flags + pack(">I", _TRACK)) + _box(b"tfdt", pack(">IQ", 1 << 24, picture.shown))
    run = pack(">II", _OFFSET_DURATION_SIZE_FLAGS, 1), pack(">III", picture.duration, len(picture.content), _SYNC)
    # The run tells where its data begins: behind all of this, and the head of the box that holds it.
    before = len(_moof(header, track, run, 0)) + _BOX_HEAD
    return _moof(header, track, run, before) + _box(b"mdat", picture.content)


def _moof(header: bytes, track: bytes, run: tuple[bytes, bytes], data_at: int) -> bytes:
    return _box(b"moof", header + _box(b"traf", track + _box(b"trun", run[0] + pack(">i", data_at) + run[1])))


def _box(kind: bytes, content: bytes) -> bytes:
    return pack(">I4s", _BOX_HEAD + len(content), kind) + content


def iframe_playlist(found: KeyFrames) -> str:
    """The playlist of the file (RFC 8216, section 4.3.3.6)."""
    name = FILE.rpartition("/")[2]
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{max(1, *(floor(frame.duration + Fraction(1, 2)) for frame in found.frames))}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-I-FRAMES-ONLY",
        f'#EXT-X-MAP:URI="{name}",BYTERANGE="{found.init}@0"',
    ]
    for frame in found.frames:
        lines += [f"#EXTINF:{float(frame.duration):.6f},", f"#EXT-X-BYTERANGE:{frame.bytes}@{frame.at}", name]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def iframe_stream(found: KeyFrames) -> str:
    """The line of the master playlist that names it (section 4.3.4.3)."""
    size = sum(frame.bytes for frame in found.frames)
    attributes = [
        f"BANDWIDTH={ceil(max(8 * frame.bytes / frame.duration for frame in found.frames))}",
        f"AVERAGE-BANDWIDTH={ceil(8 * size / found.seconds)}",
        f'CODECS="{found.codec}"',
        f"RESOLUTION={found.rung.width}x{found.rung.height}",
        f'URI="{PLAYLIST}"',
    ]
    return f"#EXT-X-I-FRAME-STREAM-INF:{','.join(attributes)}"
