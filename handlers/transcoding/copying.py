"""Builds the ffmpeg command that packages a source's own pictures: their bytes stay, their times become even."""

from pathlib import Path

import ffmpeg

from handlers.media.bounds import INPUT_OPTIONS
from handlers.transcoding.graph import GLOBAL
from handlers.transcoding.grid import Grid
from handlers.transcoding.groups import group_options
from handlers.transcoding.hls_output import hls_target
from handlers.transcoding.ladder import Rung
from handlers.transcoding.plan import Plan
from handlers.transcoding.source import Source


def command(binary: str, path: Path, demuxer: str, source: Source, plan: Plan, rung: Rung, grid: Grid) -> list[str]:
    """The program and its arguments, to run in the folder that gets ``<rung>/`` with its groups; always from the first.

    Each picture gets the time of its number: sources round theirs to milliseconds, and the other renditions do not.
    """
    file = ffmpeg.input(f"file:{path}", format=demuxer, **INPUT_OPTIONS)
    times = {
        "time_base": f"{plan.rate.denominator}/{plan.rate.numerator}",
        "prescale": "1",
        "pts": "PTS",
        "dts": f"N-{grid.delay}",
        "duration": "1",
    }
    even = ":".join(f"{name}={value}" for name, value in times.items())
    options = {"c:v": "copy", "bsf:v": f"setts={even}", **group_options(rung.name, plan, grid, 0)}
    return [binary, *GLOBAL, *ffmpeg.output(file[str(source.video_track)], hls_target(rung.name), **options).get_args()]
