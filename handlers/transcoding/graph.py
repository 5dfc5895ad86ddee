"""Builds the ffmpeg command that decodes a part of a source's pictures once and encodes renditions of them.

Relative output paths, so it must run in the folder that gets them: ``<rung>/init.mp4`` and ``<rung>/seg_00000.m4s``.
"""

import os
from math import ceil
from pathlib import Path

import ffmpeg
from ffmpeg.nodes import OutputStream, Stream

from handlers.media.bounds import INPUT_OPTIONS
from handlers.transcoding.groups import forced_key_frames, group_options
from handlers.transcoding.hls_output import hls_options, hls_target, seconds
from handlers.transcoding.ladder import Rung
from handlers.transcoding.plan import Plan
from handlers.transcoding.ranges import Part
from handlers.transcoding.source import Source

#: Several encoders run side by side, so more threads of the decoder each buy nothing but memory.
_THREADS = min(2, os.cpu_count() or 1)
#: Aspect ratios of samples beyond these are mistakes, and shapes that differ by less are the same one.
_SAR = "if(between(sar,0.25,4),sar,1)"
_SAME_SHAPE = 0.02

#: Verbose, because that alone tells at the end how many pictures were decoded. ``MUTE`` is for what says data
#: on its output.
MUTE = ("-hide_banner", "-nostdin", "-v", "verbose", "-nostats")
GLOBAL = (*MUTE, "-progress", "pipe:1", "-stats_period", "0.5")
#: Of a run whose first file is awaited.
EAGER = (*GLOBAL[:-1], "0.1")
#: Seconds that are decoded before the first picture of a part that begins in the middle: in the place of that picture
#: the one before it may have to be repeated.
_BEFORE = 6


def command(binary: str, path: Path, demuxer: str, source: Source, plan: Plan, part: Part) -> list[str]:
    """The program and its arguments. What it makes of a part does not depend on where it begins to read."""
    skipped = _skipped(plan, part)
    place = {"ss": seconds(skipped / plan.rate)} if skipped else {}
    file = ffmpeg.input(f"file:{path}", format=demuxer, threads=_THREADS, **place, **INPUT_OPTIONS)
    pictures = _prepared(file[str(source.video_track)], source, plan, part)
    branches = pictures.filter_multi_output("split")
    # Where filters restart, they repeat what was shown before; the constant rate drops it again. Elsewhere a picture
    # that is missing at the beginning of a part has to show.
    mode = "passthrough" if source.uniform else "cfr"
    outputs = [_rung(branches[number], rung, plan, part, mode) for number, rung in enumerate(part.rungs)]
    return [binary, *GLOBAL, *plan.encoding.devices, "-max_error_rate", "1", *ffmpeg.merge_outputs(*outputs).get_args()]


def _skipped(plan: Plan, part: Part) -> int:
    """Places of pictures at the beginning of the source that are not decoded."""
    return max(0, plan.begins(part.first) - ceil(_BEFORE * plan.rate)) if part.seek else 0


def _prepared(video: Stream, source: Source, plan: Plan, part: Part) -> Stream:
    """Pictures at the constant output rate, opaque and progressive, with colours that the scaler can read.

    Colours come first, because each filter may have the scaler put before it.
    """
    colours = source.colours
    if colours.assumed:
        names = {"color_primaries": colours.primaries, "color_trc": colours.transfer, "colorspace": colours.matrix}
        video = video.filter("setparams", **names)
    video = video.filter("setsar", _SAR)
    if source.interlaced:
        video = video.filter("bwdif", mode="send_field", deint="interlaced")
    if colours.foreign:
        video = video.filter("zscale", matrix="bt709", primaries="bt709", transfer="bt709", range="tv")
    if source.alpha:
        video = video.filter("premultiply", inplace=1)
    video = _regular(video, source, plan, part)
    return _tone_mapped(video, plan.rungs[-1]) if colours.hdr else video


def _regular(video: Stream, source: Source, plan: Plan, part: Part) -> Stream:
    """A picture in every place of the part, and no others."""
    skipped, first, end = _skipped(plan, part), plan.begins(part.first), plan.begins(part.end)
    if source.phase:
        video = video.filter("settb", "AVTB").filter("setpts", f"PTS+{round(source.phase * 1_000_000)}")
    from_start = {} if skipped or not source.uniform else {"start_time": 0}
    video = video.filter("fps", fps=str(plan.rate), eof_action="pass", **from_start)
    if plan.hold_last:
        video = video.filter("tpad", stop=plan.frames, stop_mode="clone")
    video = video.filter("trim", start_pts=first - skipped, end_pts=end - skipped)
    return video.filter("setpts", f"PTS-{first - skipped}") if first > skipped else video


def _tone_mapped(video: Stream, largest: Rung) -> Stream:
    """High dynamic range brought down to BT.709, once for all rungs, in linear light (203 nits: ITU-R BT.2408)."""
    width, height = _fitted(largest)
    return (
        video.filter("zscale", width=width, height=height, transfer="linear", npl=203)
        .filter("format", "gbrpf32le")
        .filter("zscale", primaries="bt709")
        .filter("tonemap", tonemap="mobius", desat=0)
        .filter("zscale", transfer="bt709", matrix="bt709", range="tv")
        .filter("format", "yuv420p")
    )


def _rung(branch: Stream, rung: Rung, plan: Plan, part: Part, mode: str) -> OutputStream:
    width, height = _fitted(rung)
    picture = (
        branch.filter("scale", width, height, flags="bicubic", out_range="tv", out_color_matrix="bt709")
        .filter("setsar", 1)
        .filter("format", "yuv420p")
        .filter("pad", rung.width, rung.height, "(ow-iw)/2", "(oh-ih)/2")
        .filter("setparams", range="tv", color_primaries="bt709", color_trc="bt709", colorspace="bt709")
    )
    picture, options = plan.encoding.prepared(picture), plan.encoding.options(rung.max_rate, plan.gop_frames)
    hls = hls_options(rung.name, plan, part.first)
    if plan.grid:
        options |= forced_key_frames(plan, plan.grid, part.first, part.end)
        hls = group_options(rung.name, plan, plan.grid, part.first)
    return ffmpeg.output(picture, hls_target(rung.name), fps_mode=mode, **options, **hls)


def _fitted(rung: Rung) -> tuple[str, str]:
    """Width and height for a picture of any shape: the rung's, or as much of it as keeps a foreign shape."""
    shape = f"(dar*{rung.height}/{rung.width})"
    same = f"lt(abs({shape}-1),{max(_SAME_SHAPE, 2 / min(rung.width, rung.height)):.4f})"
    return (
        f"if({same},{rung.width},max(2,2*round({rung.width}*min(1,{shape})/2)))",
        f"if({same},{rung.height},max(2,2*round({rung.height}*min(1,1/{shape})/2)))",
    )
