"""Builds a storyboard out of key frames: small pictures in tiles, and a WebVTT that tells which is shown when.

Players show it above their bar: each cue's text is a picture and the part of it that counts (``#xywh=``, W3C Media
Fragments).
"""

from fractions import Fraction
from math import ceil
from typing import NamedTuple

import ffmpeg

from handlers.transcoding.graph import GLOBAL
from handlers.transcoding.key_frames import FILE, KeyFrames
from handlers.transcoding.ladder import Rung

FOLDER = "storyboard"
INDEX = f"{FOLDER}/storyboard.vtt"
_SHEETS = "tiles_%03d.jpg"
#: Pictures of a storyboard at most, those of one sheet by its columns and rows, and the longer side of each, in pixels.
_MOST, _COLUMNS, _ROWS, _SIDE = 100, 5, 5, 160


class Storyboard(NamedTuple):
    """Every how many key frames one is taken, how many are, how sheets are laid out, and the size of a tile."""

    every: int
    tiles: int
    columns: int
    rows: int
    width: int
    height: int

    @property
    def sheets(self) -> list[str]:
        """Names of the files."""
        count = ceil(self.tiles / (self.columns * self.rows))
        return [f"{FOLDER}/{_SHEETS % number}" for number in range(1, count + 1)]


def layout(found: KeyFrames) -> Storyboard:
    """As many pictures as fit, evenly over the key frames."""
    every = ceil(len(found.frames) / _MOST)
    tiles = ceil(len(found.frames) / every)
    columns = min(_COLUMNS, tiles)
    rows = min(_ROWS, ceil(tiles / columns))
    return Storyboard(every, tiles, columns, rows, *_size(found.rung))


def _size(rung: Rung) -> tuple[int, int]:
    scale = min(Fraction(1), Fraction(_SIDE, max(rung.width, rung.height)))
    width, height = (max(2, 2 * round(side * scale / 2)) for side in (rung.width, rung.height))
    return width, height


def command(binary: str, board: Storyboard) -> list[str]:
    """The program and its arguments, to run in the folder that holds the key frames."""
    pictures = (
        ffmpeg.input(FILE, format="mov")
        .filter("select", f"not(mod(n,{board.every}))")
        .filter("scale", board.width, board.height, out_range="pc", out_color_matrix="bt601")
        .filter("format", "yuvj420p")
        .filter("tile", f"{board.columns}x{board.rows}")
    )
    options = {"c:v": "mjpeg", "q:v": 4, "fps_mode": "passthrough", "format": "image2"}
    return [binary, *GLOBAL, *ffmpeg.output(pictures, f"{FOLDER}/{_SHEETS}", **options).get_args()]


def index(found: KeyFrames, board: Storyboard) -> str:
    """The WebVTT: a cue from each picture to the next."""
    shown = found.frames[:: board.every]
    starts = [Fraction(0), *(frame.start for frame in shown[1:]), found.frames[0].start + found.seconds]
    lines = ["WEBVTT", ""]
    for number in range(board.tiles):
        sheet, place = divmod(number, board.columns * board.rows)
        row, column = divmod(place, board.columns)
        area = f"{column * board.width},{row * board.height},{board.width},{board.height}"
        name = _SHEETS % (sheet + 1)
        lines += [f"{_time(starts[number])} --> {_time(starts[number + 1])}", f"{name}#xywh={area}", ""]
    return "\n".join(lines)


def _time(seconds: Fraction) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
