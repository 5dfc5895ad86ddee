"""What will be made of a source: everything the encoder needs to know, computed once."""

from dataclasses import dataclass
from fractions import Fraction
from math import floor

from broker.errors import PermanentError
from handlers.transcoding import ladder
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

    @property
    def megapixels(self) -> float:
        """What is encoded, over all renditions."""
        return self.frames * sum(rung.width * rung.height for rung in self.rungs) / 1_000_000


#: Sound that is longer by no more seconds is the padding of its last frame.
_PADDING = 0.1
#: Frames that are made for each packet that was sent, at most. Slides without sound need most: at six frames a second
#: one is shown for up to three minutes.
_FRAMES_PER_PACKET = 1000


def plan(source: Source) -> Plan:
    """Both tracks end together: with the last picture, held while sound goes on, or with silence.

    Where pictures change their size or colours ffmpeg restarts its filters, which would hold a picture there too. The
    video then ends with its last picture, and sound with it.

    Raises ``PermanentError`` for a source of which too much would have to be made.
    """
    rate = Fraction(source.rate)
    first = floor((source.video_start + source.phase) * rate + Fraction(1, 2))
    shown = max(first + 1, round(source.video_seconds * rate))
    heard = round(source.audio_seconds * rate)
    frames = heard if source.uniform and heard > shown + _PADDING * rate else shown
    if frames > MAX_SECONDS * rate:
        raise PermanentError(f"The video is longer than {MAX_SECONDS // 3600} hours.")
    if frames > source.packets * _FRAMES_PER_PACKET:
        raise PermanentError(
            f"The video is one long hole: it claims to last {float(frames / rate):.0f} s, and has {source.pictures} "
            "pictures. Its timestamps are wrong; write it anew, for example with an editor."
        )
    return Plan(ladder.rungs(source.width, source.height), rate, frames, source.uniform)
