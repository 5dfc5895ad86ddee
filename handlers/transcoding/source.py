"""What is known about a source before it is transcoded."""

from dataclasses import dataclass
from typing import NamedTuple

from handlers.transcoding.colours import Colours

#: Mux takes as much; a longer one is a mistake or an attack.
MAX_SECONDS = 12 * 3600


class SoundTrack(NamedTuple):
    """``track`` is the stream's index in the file; ``language`` a BCP 47 tag; ``seconds`` when the last sound ends.

    ``title`` is what the file calls it, in a form that can stand in a playlist.
    """

    track: int
    language: str
    seconds: float
    title: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A readable video file. Sizes are pixels as displayed (rotated, square), times are seconds, rates per second."""

    width: int
    height: int
    #: Pictures a second that its rhythm asks for, "25" or "30000/1001", and by which part of a picture's time all are
    #: shown later so that each has a place of its own in that rhythm.
    rate: str
    phase: float
    #: When the first picture begins, and the last one ends.
    video_start: float
    video_seconds: float
    #: Pictures, and packets of pictures and sound together.
    pictures: int
    packets: int
    #: The stream's index in the file.
    video_track: int
    #: Sound, the preferred track first; the later ones are for when that cannot be decoded.
    sound: tuple[SoundTrack, ...]
    interlaced: bool
    #: Has transparency.
    alpha: bool
    #: All pictures have the same size, format and colours, as far as they were looked at.
    uniform: bool
    colours: Colours
    #: Lines for the person who sent it: what is left out.
    warnings: tuple[str, ...] = ()

    @property
    def audio_seconds(self) -> float:
        """When the last sound of the preferred track ends, 0 without sound."""
        return self.sound[0].seconds if self.sound else 0.0
