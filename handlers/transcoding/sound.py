"""Builds the ffmpeg command that makes the one audio rendition, which all video renditions share.

It runs apart from the pictures, so that neither a broken track nor a clock that jumps can hold them up.

The source is decoded to plain stereo first and from there filtered by a graph of its own (ffmpeg's loopback decoder).
Otherwise each change of its channels would restart the filters, and what they put at the beginning and the end of the
track would be put in the middle.
"""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

from handlers.media.bounds import INPUT_OPTIONS
from handlers.transcoding.graph import GLOBAL
from handlers.transcoding.hls_output import hls_options, hls_target, seconds
from handlers.transcoding.plan import Plan

AUDIO = "audio"
#: A track of which more than this part cannot be decoded is given up.
_MOST_ERRORS = 0.5
_PLAIN = {"c:a": "pcm_f32le", "ac": 2, "ar": 48_000, "f": "null"}
#: The first AAC frame holds nothing but the encoder's priming; without it sound starts at 0, as pictures do.
_AAC = {"c:a": "aac", "b:a": "128k", "bsf:a": r"noise=drop=eq(n\,0)"}


def command(binary: str, path: Path, demuxer: str, track: int, plan: Plan, length: Fraction) -> list[str]:
    """The program and its arguments; ``track`` is a stream's index, ``length`` that of the pictures, in seconds.

    The rendition is as long: silence fills it up, at its beginning too, and what is too long is cut.
    """
    end = seconds(length)
    graph = f"[dec:0]aresample=async=1:first_pts=0,apad=whole_dur={end},atrim=end={end}[sound]"
    file = ["-f", demuxer, *_arguments(INPUT_OPTIONS), "-i", f"file:{path}"]
    plain = ["-map", f"0:{track}", *_arguments(_PLAIN), "-"]
    coded = ["-map", "[sound]", *_arguments(_AAC | hls_options(AUDIO, plan)), hls_target(AUDIO)]
    errors = ["-max_error_rate", str(_MOST_ERRORS)]
    return [binary, *GLOBAL, *errors, *file, *plain, "-dec", "0:0", "-filter_complex", graph, *coded]


def _arguments(options: Mapping[str, object]) -> list[str]:
    return [part for name, value in options.items() for part in (f"-{name}", str(value))]
