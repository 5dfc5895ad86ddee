"""What will be made of a source: everything the encoder needs to know, computed once."""

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

from broker.environment.video_profiles import Profile
from broker.errors import PermanentError
from handlers.transcoding import ladder
from handlers.transcoding.encoding import SOFTWARE, Encoding
from handlers.transcoding.grid import Grid
from handlers.transcoding.ladder import Rung
from handlers.transcoding.source import MAX_SECONDS, Source


@dataclass(frozen=True, slots=True)
class Plan:
    """The renditions and their common time grid."""

    #: Smallest first.
    rungs: list[Rung]
    #: Frames per second.
    rate: Fraction
    #: Frames of each rendition, as far as the source's packets tell.
    frames: int
    #: The last picture is held up to the end: sound may go on, and the last packets may hold nothing.
    hold_last: bool
    encoding: Encoding = field(default_factory=Encoding)
    #: LUFS to which all sound is brought; ``None`` leaves it as it is.
    loudness: float | None = None
    #: The largest rendition, where it is the source's own pictures, and where their groups begin: all renditions then
    #: have their key frames there.
    copied: Rung | None = None
    grid: Grid | None = None

    @property
    def seconds(self) -> Fraction:
        """Length of all tracks."""
        return self.frames / self.rate

    @property
    def encoded(self) -> list[Rung]:
        """The renditions that are encoded."""
        return [rung for rung in self.rungs if rung != self.copied]

    @property
    def gop_frames(self) -> int:
        """Frames from one key frame to the next, at the most."""
        return self.grid.longest_group if self.grid else ladder.gop_frames(self.rate)

    @property
    def segment_frames(self) -> int:
        """Frames of every segment but the last, where nothing is copied."""
        return ladder.segment_frames(self.rate)

    @property
    def segments(self) -> int:
        """Segments of each rendition of pictures."""
        return len(self.grid.starts) - 1 if self.grid else ceil(self.frames / self.segment_frames)

    @property
    def segment_seconds(self) -> Fraction:
        """Length of every segment but the last, of sound in any case."""
        return self.segment_frames / self.rate

    @property
    def longest_seconds(self) -> Fraction:
        """Length of the longest segment of pictures."""
        return Fraction(self.grid.longest) / self.rate if self.grid else min(self.segment_seconds, self.seconds)

    def begins(self, segment: int) -> int:
        """The number of the frame with which a segment of pictures begins; behind the last one, of all frames."""
        return self.grid.starts[segment] if self.grid else min(self.frames, segment * self.segment_frames)

    @property
    def megapixels(self) -> float:
        """What is encoded, over all renditions."""
        return self.frames * sum(rung.width * rung.height for rung in self.encoded) / 1_000_000


#: Sound that is longer by no more seconds is the padding of its last frame.
_PADDING = 0.1
#: Frames that are made where nothing is sent: so many, and so many more for each packet of pictures and sound. Slides
#: without sound need most: at six frames a second nearly three hours, however few they are.
_HELD, _HELD_PER_PACKET = 60_000, 100
_DEFAULT = Profile()


def plan(
    source: Source, profile: Profile = _DEFAULT, encoder: str = SOFTWARE["h264"], loudness: float | None = None
) -> Plan:
    """Both tracks end together: with the last picture, held while sound goes on, or with silence.

    Where pictures change their size or colours ffmpeg restarts its filters, which would hold a picture there too. The
    video then ends with its last picture, and sound with it; so it does when the end of the sound is a mistake of its
    clock.

    Raises ``PermanentError`` for a source of which too much would have to be made.
    """
    rate = Fraction(source.rate)
    first = floor((source.video_start + source.phase) * rate + Fraction(1, 2))
    shown = max(first + 1, round(source.video_seconds * rate))
    most = _HELD + _HELD_PER_PACKET * source.packets
    if shown > MAX_SECONDS * rate:
        raise PermanentError(f"The video is longer than {MAX_SECONDS // 3600} hours.")
    if shown > most:
        raise PermanentError(
            f"The video is one long hole: it claims to last {float(shown / rate):.0f} s, and has {source.pictures} "
            "pictures. Its timestamps are wrong; write it anew, for example with an editor."
        )
    heard = round(source.audio_seconds * rate)
    longest = min(Fraction(most), MAX_SECONDS * rate)
    goes_on = source.uniform and shown + _PADDING * rate < heard <= longest
    frames = heard if goes_on else shown
    made = ladder.rungs(source.width, source.height, profile)
    return Plan(made, rate, frames, source.uniform, Encoding(encoder, profile.quality), loudness)
