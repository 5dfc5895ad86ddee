"""How much an untrusted file may claim: pixels, streams, bytes that are probed, memory, time."""

from dataclasses import dataclass

#: Pixels of one frame of video: 8K has 33 million.
MAX_PIXELS = 40_000_000
#: Pixels of a picture that is decoded whole, as many as Pillow deems safe; and of a JPEG, which can be decoded at an
#: eighth of its size: telephones make them of 16,384 by 12,288 pixels.
MAX_PICTURE_PIXELS = 90_000_000
MAX_JPEG_PIXELS = 210_000_000
#: Tracks of one file, ffmpeg's own bound: its demuxers would go on with a part of more tracks, or of the time.
MAX_TRACKS = 1000
#: ffmpeg's options, for its libraries and its program alike. No protocol but files, so nothing is ever fetched.
INPUT_OPTIONS = {
    "protocol_whitelist": "file",
    "max_pixels": str(MAX_PIXELS),
    "max_streams": str(MAX_TRACKS),
    "probesize": "20000000",
    "analyzeduration": "10000000",
}
#: Bytes of address space of a program: the ladder of a 4K source needs half of it.
PROGRAM_MEMORY = 4 * 2**30
#: Bytes of any one file that a program writes; a segment has five million.
FILE_SIZE = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """What decoding one file may take."""

    #: Bytes of address space; an idle decoder has 0.2 GiB.
    memory: int
    #: Seconds of processor time, of which the time that the task has left can leave less.
    seconds: float


#: A picture: the largest JPEG in its costliest form (progressive, colours as fine as light) takes 1.4 GiB, one decoded
#: whole 0.9. Sound and video, of which every packet may have to be read.
PICTURE = Limits(memory=3 * 2**29, seconds=60.0)
#: A document, of which some megabytes of text are kept at most.
DOCUMENT = Limits(memory=2**30, seconds=60.0)
#: A page of a PDF that is drawn, whatever pictures it has: as a picture.
PAGE = Limits(memory=PICTURE.memory, seconds=20.0)
RECORDING = Limits(memory=PROGRAM_MEMORY, seconds=float("inf"))
