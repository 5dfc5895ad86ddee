"""Checks a published HLS folder against RFC 8216 and Apple's authoring specification, and plays every part.

It knows nothing of the transcoder: it reads playlists and bytes as a player does. ``validate`` raises
``AssertionError`` with what is wrong, else tells what is there.
"""

import io
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from tests.handlers.transcoding.fragments import Sample, one, samples, timescale, walk

_ATTRIBUTE = re.compile(r'([A-Z-]+)=("[^"]*"|[^,]*)')
_AAC_FRAME = Fraction(1024, 48_000)
_LEVEL_4_2 = 42
#: ITU-T H.273 BT.709, and libavutil's limited range.
_BT709, _LIMITED = 1, 1


@dataclass
class Rendition:
    """One media playlist with its segments, read and checked."""

    uri: str
    target: int
    init: bytes
    parts: list[bytes]
    #: EXTINF of each part.
    lengths: list[float]
    samples: list[list[Sample]]

    @property
    def duration(self) -> Fraction:
        return sum((sample.length for part in self.samples for sample in part), Fraction(0))

    @property
    def frames(self) -> int:
        return sum(map(len, self.samples))

    @property
    def average(self) -> float:
        return float(8 * sum(map(len, self.parts)) / self.duration)

    @property
    def peak(self) -> float:
        """Over contiguous segments of half to one and a half target durations (RFC 8216, 4.1), or all there is."""
        rates = []
        for first in range(len(self.parts)):
            for last in range(first + 1, len(self.parts) + 1):
                length = sum(self.lengths[first:last])
                if self.target / 2 <= length <= self.target * 1.5:
                    rates.append(8 * sum(map(len, self.parts[first:last])) / length)
        return max(rates, default=self.average)


@dataclass
class Variant:
    """A line of the master playlist and its rendition."""

    attributes: dict[str, str]
    video: Rendition
    size: tuple[int, int]


@dataclass
class Ladder:
    """All that a master playlist leads to."""

    variants: list[Variant]
    audio: Rendition | None
    further: list[Rendition]


def validate(folder: Path) -> Ladder:
    """Check everything below ``folder``, which has a ``master.m3u8``."""
    lines = _lines(folder / "master.m3u8")
    assert "#EXT-X-INDEPENDENT-SEGMENTS" in lines
    sounds = _audio(folder, lines)
    audio = sounds[0] if sounds else None
    listed = [
        (_attributes(line), lines[at + 1]) for at, line in enumerate(lines) if line.startswith("#EXT-X-STREAM-INF:")
    ]
    alone = [uri for declared, uri in listed if "RESOLUTION" not in declared]
    assert alone == ([audio.uri] if audio else [])
    variants = [_variant(folder, declared, uri, audio) for declared, uri in listed if uri not in alone]
    videos = [variant.video for variant in variants]
    for sound in sounds or [None]:
        _check_together(videos, sound)
    _check_no_orphans(folder, videos + sounds)
    return Ladder(sorted(variants, key=lambda each: each.size), audio, sounds[1:])


def _lines(path: Path) -> list[str]:
    text = path.read_text()
    lines = text.splitlines()
    assert text.endswith("\n") and lines[0] == "#EXTM3U" and all(lines)
    assert sum(line.startswith("#EXT-X-VERSION:") for line in lines) == 1
    return lines


def _attributes(line: str) -> dict[str, str]:
    found = _ATTRIBUTE.findall(line.partition(":")[2])
    assert len(dict(found)) == len(found), f"an attribute is there twice: {line}"
    return {name: value.strip('"') for name, value in found}


def _audio(folder: Path, lines: list[str]) -> list[Rendition]:
    groups = [_attributes(line) for line in lines if line.startswith("#EXT-X-MEDIA:")]
    if not groups:
        return []
    assert [group["DEFAULT"] for group in groups] == ["YES", *["NO"] * (len(groups) - 1)]
    return [_sound(folder, group) for group in groups]


def _sound(folder: Path, group: dict[str, str]) -> Rendition:
    assert {"TYPE", "GROUP-ID", "NAME", "LANGUAGE", "DEFAULT", "AUTOSELECT", "CHANNELS", "URI"} <= set(group)
    assert (group["TYPE"], group["AUTOSELECT"], group["CHANNELS"]) == ("AUDIO", "YES", "2")
    rendition = _rendition(folder, group["URI"])
    for part in rendition.parts:
        _decode(rendition.init + part, "audio")
    lengths = {sample.length for part in rendition.samples for sample in part[:-1]}
    assert lengths <= {_AAC_FRAME}, "sound that jumps"
    return rendition


def _variant(folder: Path, declared: dict[str, str], uri: str, audio: Rendition | None) -> Variant:
    video = _rendition(folder, uri)
    codecs = [_codec(video.init), *(["mp4a.40.2"] if audio else [])]
    assert declared["CODECS"] == ",".join(codecs)
    assert ("AUDIO" in declared) == (audio is not None)
    measured = video.peak + (audio.peak if audio else 0), video.average + (audio.average if audio else 0)
    for name, truth in zip(("BANDWIDTH", "AVERAGE-BANDWIDTH"), measured, strict=True):
        assert 0.9 < int(declared[name]) / truth < 1.1, f"{name} of {uri} is {declared[name]}, measured {truth:.0f}"
    assert declared["FRAME-RATE"] == f"{float(1 / video.samples[0][0].length):.3f}"
    size = _pictures(video)
    assert declared["RESOLUTION"] == "{}x{}".format(*size)
    return Variant(declared, video, size)


def _codec(init: bytes) -> str:
    """As RFC 6381 names it, of 8 bits, main profiles or H.264's high one, within level 4.2 of H.264 or its like."""
    if b"hvc1" in init:
        configuration = init[init.index(b"hvcC") + 4 :]
        assert (configuration[1] & 31, configuration[6]) == (1, 0x90)  # main; progressive, of whole frames
        return f"hvc1.1.6.L{configuration[12]}.90"
    if b"av01" in init:
        configuration = init[init.index(b"av1C") + 4 :]
        assert (configuration[1] >> 5, configuration[2] >> 6) == (0, 0)  # main, its tier too; 8 bits
        return f"av01.0.{configuration[1] & 31:02d}M.08"
    configuration = init[init.index(b"avcC") + 4 :]
    assert configuration[3] <= _LEVEL_4_2
    return f"avc1.{configuration[1:4].hex()}"


def _pictures(video: Rendition) -> tuple[int, int]:
    """Decode each segment alone; the size of all pictures."""
    sizes = set()
    for part, expected in zip(video.parts, video.samples, strict=True):
        frames = _decode(video.init + part, "video")
        assert len(frames) == len(expected)
        assert frames[0].key_frame
        for frame in frames:
            assert frame.format.name == "yuv420p"
            assert (frame.colorspace, frame.color_range, frame.color_trc) == (_BT709, _LIMITED, _BT709)
            sizes.add((frame.width, frame.height))
    (size,) = sizes
    return size


def _decode(data: bytes, kind: str) -> list[av.VideoFrame | av.AudioFrame]:
    with av.open(io.BytesIO(data), format="mov") as file:
        (stream,) = file.streams
        assert stream.type == kind
        frames = list(file.decode(stream))
        assert not any(frame.is_corrupt for frame in frames)
        if kind == "video":
            assert stream.sample_aspect_ratio in (None, 1)
        return frames


def _rendition(folder: Path, uri: str) -> Rendition:
    playlist = folder / uri
    assert not uri.startswith("/") and ".." not in uri and ":" not in uri
    lines = _lines(playlist)
    assert lines[-1] == "#EXT-X-ENDLIST"
    assert "#EXT-X-PLAYLIST-TYPE:VOD" in lines
    (target,) = (int(line.partition(":")[2]) for line in lines if line.startswith("#EXT-X-TARGETDURATION:"))
    (mapped,) = (_attributes(line)["URI"] for line in lines if line.startswith("#EXT-X-MAP:"))
    names = [line for line in lines if not line.startswith("#")]
    lengths = [float(line[8:].rstrip(",")) for line in lines if line.startswith("#EXTINF:")]
    assert len(names) == len(lengths) == len(set(names)) > 0
    init = (playlist.parent / mapped).read_bytes()
    parts = [(playlist.parent / name).read_bytes() for name in names]
    scale = timescale(init)
    found = Rendition(uri, target, init, parts, lengths, [samples(part, scale) for part in parts])
    _check_times(found)
    return found


def _check_times(rendition: Rendition) -> None:
    """Decode times are unbroken from 0, pictures and sounds too, and EXTINF tells the truth."""
    assert not [kind for kind, _ in walk(rendition.init) if kind == b"elst"], "players ignore edit lists"
    assert one(rendition.init, b"mvex")
    clock = Fraction(0)
    for length, part in zip(rendition.lengths, rendition.samples, strict=True):
        assert min(sample.shown for sample in part) == clock, f"{rendition.uri}: a hole or overlap at {float(clock)} s"
        for sample in part:
            assert sample.decode == clock, f"{rendition.uri}: decode time {float(sample.decode)}, not {float(clock)}"
            clock += sample.length
        assert abs(length - sum(sample.length for sample in part)) < 0.001
        assert length <= rendition.target + 0.5


def _check_together(videos: list[Rendition], audio: Rendition | None) -> None:
    tracks = [*videos, *([audio] if audio else [])]
    assert len({track.target for track in tracks}) == 1
    assert all(int(length + 0.5) <= track.target for track in tracks for length in track.lengths)
    assert len({tuple(map(len, video.samples)) for video in videos}) == 1, "segments end at different frames"
    assert len({tuple(_key_frames(video)) for video in videos}) == 1, "key frames differ between renditions"
    counts = [len(part) for part in videos[0].samples]
    assert len(set(counts[:-1])) <= 1 and counts[-1] <= counts[0]
    if audio:
        frame = videos[0].samples[0][0].length
        assert abs(audio.duration - videos[0].duration) <= max(frame, _AAC_FRAME)


def _key_frames(video: Rendition) -> list[tuple[int, int]]:
    found = []
    for number, part in enumerate(video.parts):
        with av.open(io.BytesIO(video.init + part), format="mov") as file:
            packets = [packet for packet in file.demux(video=0) if packet.size]
        found += [(number, at) for at, packet in enumerate(packets) if packet.is_keyframe]
    return found


def _check_no_orphans(folder: Path, renditions: list[Rendition]) -> None:
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    named = {"master.m3u8", "poster.jpg", "iframes/iframes.mp4", "iframes/index.m3u8", "storyboard/storyboard.vtt"}
    named |= {name for name in files if re.fullmatch(r"storyboard/tiles_\d{3}\.jpg", name)}
    for rendition in renditions:
        at = Path(rendition.uri).parent
        named.add(rendition.uri)
        lines = _lines(folder / rendition.uri)
        named |= {str(at / line) for line in lines if not line.startswith("#")}
        named |= {str(at / _attributes(line)["URI"]) for line in lines if line.startswith("#EXT-X-MAP:")}
    assert files == named, f"stored and named differ: {files ^ named}"
