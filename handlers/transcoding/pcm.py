"""Cuts the samples of a sound track into those of its stretches, which overlap, while they are decoded."""

from math import inf
from pathlib import Path

from handlers.transcoding.ffmpeg import Output
from handlers.transcoding.sound import BYTES
from handlers.transcoding.stretches import FRAME, OVERLAP, Stretch

_FRAME = FRAME * BYTES


class Pcm:
    """The samples of a track from a frame on."""

    def __init__(self, output: Output, first: int) -> None:
        """``output`` says them, from the frame ``first`` on."""
        self._output = output
        self._at = first * _FRAME
        #: The last of what was read for a stretch: the next one begins before this ends.
        self._last = b""

    def write(self, path: Path, stretch: Stretch) -> None:
        """What a stretch is made of, later than those before; nothing behind the end of all.

        Raises what ``Output.hand_on`` does.
        """
        begin = stretch.reads_from * _FRAME
        if begin > self._at:
            self._output.hand_on(begin - self._at, lambda data: None)
            self._at, self._last = begin, b""
        with path.open("w+b") as file:
            if self._output.ended:
                return
            file.write(self._last[len(self._last) - (self._at - begin) :])
            end = inf if stretch.reads_to is None else stretch.reads_to * _FRAME
            self._output.hand_on(end - self._at, file.write)
            self._at = begin + file.tell()
            file.seek(max(0, file.tell() - OVERLAP * _FRAME))
            self._last = file.read()

    def end(self) -> None:
        """Read on to the end, where it turns out what could be decoded."""
        self._output.hand_on(inf, lambda data: None)
