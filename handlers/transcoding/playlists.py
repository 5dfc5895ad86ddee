"""Writes the HLS playlists (RFC 8216 and Apple's authoring specification) from the segments that were made.

ffmpeg's own leave the audio out of BANDWIDTH and have no FRAME-RATE.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from handlers.transcoding.boxes import Segment
from handlers.transcoding.hls_output import INIT
from handlers.transcoding.ladder import Rung

MASTER, MEDIA = "master.m3u8", "index.m3u8"
#: The rendition that a player starts with, before it has measured anything: the first in the master playlist.
_START_SIDE = 720
AUDIO_GROUP = "audio"


@dataclass(frozen=True, slots=True)
class Track:
    """One rendition as it was encoded: its folder's name, its codec, its segments in order."""

    name: str
    codec: str
    segments: tuple[Segment, ...]

    @property
    def samples(self) -> int:
        return sum(segment.samples for segment in self.segments)

    @property
    def duration(self) -> Fraction:
        """Seconds."""
        return sum((segment.duration for segment in self.segments), Fraction(0))

    @property
    def average(self) -> Fraction:
        """Bits per second."""
        return 8 * sum(segment.bytes for segment in self.segments) / self.duration

    @property
    def target(self) -> int:
        """Seconds, as TARGETDURATION counts: no rounded segment is longer."""
        return max(1, *(floor(segment.duration + Fraction(1, 2)) for segment in self.segments))

    @property
    def peak(self) -> Fraction:
        """The most bits per second in any run of segments of 0.5 to 1.5 target durations (RFC 8216, section 4.1)."""
        target, rates = self.target, []
        for first in range(len(self.segments)):
            size, length = 0, Fraction(0)
            for segment in self.segments[first:]:
                size, length = size + segment.bytes, length + segment.duration
                if 2 * length > 3 * target:
                    break
                if 2 * length >= target:
                    rates.append(8 * size / length)
        return max(rates, default=self.average)


@dataclass(frozen=True, slots=True)
class Variant:
    """A video rendition together with the shared audio: what a player chooses from."""

    rung: Rung
    track: Track
    audio: Track | None
    #: Sound that can be chosen instead.
    further: tuple[Track, ...] = ()

    @property
    def playlist(self) -> str:
        """Relative to the master playlist."""
        return f"{self.track.name}/{MEDIA}"

    @property
    def sounds(self) -> list[Track]:
        return [*([self.audio] if self.audio else []), *self.further]

    @property
    def codecs(self) -> str:
        return ",".join([self.track.codec, *([self.audio.codec] if self.audio else [])])

    @property
    def bandwidth(self) -> int:
        """Peak bits per second, with the sound that needs most."""
        return ceil(self.track.peak + max((sound.peak for sound in self.sounds), default=Fraction(0)))

    @property
    def average_bandwidth(self) -> int:
        """Bits per second, with the sound that needs most."""
        return ceil(self.track.average + max((sound.average for sound in self.sounds), default=Fraction(0)))


def target_duration(tracks: Sequence[Track]) -> int:
    """Seconds, the same in all playlists."""
    return max(track.target for track in tracks)


def media_playlist(track: Track, target: int, *, growing: bool = False) -> str:
    """The playlist of one rendition; ``growing`` while there is to be more of it."""
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{target}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        f"#EXT-X-PLAYLIST-TYPE:{'EVENT' if growing else 'VOD'}",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        # Without it players begin near the end of what grows, as if it were broadcast.
        *(["#EXT-X-START:TIME-OFFSET=0"] if growing else []),
        f'#EXT-X-MAP:URI="{INIT}"',
    ]
    for segment in track.segments:
        lines += [f"#EXTINF:{float(segment.duration):.6f},", segment.name]
    return "\n".join([*lines, *([] if growing else ["#EXT-X-ENDLIST"]), ""])


def master_playlist(
    variants: Sequence[Variant], rate: Fraction, language: str, more: Sequence[str] = (), *, sound: str = "Audio"
) -> str:
    """The playlist that a player opens. ``variants`` come smallest first, ``rate`` is in frames per second.

    ``more`` are lines on what is beside them, ``sound`` is the name of the audio rendition for viewers.
    """
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    audio = variants[0].audio
    if audio:
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="{AUDIO_GROUP}",NAME="{sound}",LANGUAGE="{language}",'
            f'DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="{audio.name}/{MEDIA}"'
        )
    for variant in _first_choice_first(variants):
        attributes = [
            f"BANDWIDTH={variant.bandwidth}",
            f"AVERAGE-BANDWIDTH={variant.average_bandwidth}",
            f'CODECS="{variant.codecs}"',
            f"RESOLUTION={variant.rung.width}x{variant.rung.height}",
            f"FRAME-RATE={float(rate):.3f}",
            *([f'AUDIO="{AUDIO_GROUP}"'] if audio else []),
        ]
        lines += [f"#EXT-X-STREAM-INF:{','.join(attributes)}", variant.playlist]
    return "\n".join([*lines, *more, ""])


def _first_choice_first(variants: Sequence[Variant]) -> list[Variant]:
    fitting = [each for each in variants if min(each.rung.width, each.rung.height) <= _START_SIDE]
    return sorted(variants, key=lambda each: each is not fitting[-1])
