"""What will be made of a source: everything the encoder needs to know, computed once."""

from dataclasses import dataclass
from fractions import Fraction

from handlers.transcoding import ladder
from handlers.transcoding.ladder import Rung
from handlers.transcoding.source import Source


@dataclass(frozen=True, slots=True)
class Plan:
    """The renditions and their common time grid."""

    #: Smallest first.
    rungs: list[Rung]
    #: Frames per second.
    rate: Fraction
    #: Frames of each rendition, as far as the source's packets tell.
    frames: int
    #: Frames by which the last picture is held because sound goes on.
    held_frames: int

    @property
    def seconds(self) -> Fraction:
        """Length of all tracks."""
        return self.frames / self.rate

    @property
    def gop_frames(self) -> int:
        """Frames from one key frame to the next."""
        return ladder.gop_frames(self.rate)

    @property
    def segment_seconds(self) -> Fraction:
        """Length of every segment but the last."""
        return ladder.segment_frames(self.rate) / self.rate


#: Sound that is longer by no more seconds is the padding of its last frame.
_PADDING = 0.1


def plan(source: Source) -> Plan:
    """Both tracks end together: with the last picture, held while sound goes on, or with silence."""
    rate = ladder.frame_rate(source)
    shown = max(1, round(source.video_seconds * rate))
    heard = round(source.audio_seconds * rate)
    frames = heard if heard > shown + _PADDING * rate else shown
    return Plan(ladder.rungs(source.width, source.height), rate, frames, frames - shown)
