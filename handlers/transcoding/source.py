"""What is known about a source before it is transcoded."""

from dataclasses import dataclass

#: Mux takes as much; a longer one is a mistake or an attack.
MAX_SECONDS = 12 * 3600


@dataclass(frozen=True, slots=True)
class Source:
    """A readable video file. Sizes are pixels as displayed (rotated, square), times are seconds, rates per second."""

    width: int
    height: int
    #: Frames by seconds, the inverse of an ordinary distance between two frames, and whether most distances are so.
    mean_rate: float
    typical_rate: float
    steady: bool
    #: When the last picture and the last sound end.
    video_seconds: float
    audio_seconds: float
    interlaced: bool
    #: Has transparency.
    alpha: bool
    #: ``smpte2084`` or ``arib-std-b67`` (ffmpeg's names) for high dynamic range, else empty.
    hdr_transfer: str
    #: The colour matrix to assume because the file names none; empty where it does, or where colours are RGB.
    assumed_matrix: str
    #: Which of the file's audio tracks is used, counted from 0, and its BCP 47 language; ``None`` when there is none.
    audio_track: int | None
    language: str
