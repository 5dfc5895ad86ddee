"""The ffmpeg command that makes a part of a video's pictures: by encoding them, or by copying them as they are."""

from pathlib import Path

from handlers.transcoding import copying, graph
from handlers.transcoding.plan import Plan
from handlers.transcoding.ranges import Part
from handlers.transcoding.source import Source


def command(binary: str, path: Path, demuxer: str, source: Source, plan: Plan, part: Part) -> list[str]:
    """The program and its arguments."""
    if plan.copied and plan.grid and part.rungs == (plan.copied,):
        return copying.command(binary, path, demuxer, source, plan, plan.copied, plan.grid)
    return graph.command(binary, path, demuxer, source, plan, part)
