"""Builds the one ffmpeg command that decodes a source's pictures once and encodes all renditions of them.

Relative output paths, so it must run in the folder that gets them: ``<rung>/init.mp4`` and ``<rung>/seg_00000.m4s``.
"""

import os
from pathlib import Path

import ffmpeg
from ffmpeg.nodes import OutputStream, Stream

from handlers.media.bounds import INPUT_OPTIONS
from handlers.transcoding.colours import Colours
from handlers.transcoding.hls_output import hls_options, hls_target, seconds
from handlers.transcoding.ladder import Rung
from handlers.transcoding.plan import Plan
from handlers.transcoding.source import Source

#: Several encoders run side by side, so more threads of the decoder each buy nothing but memory.
_THREADS = min(2, os.cpu_count() or 1)
#: The rate cap, and the buffer that it holds over, as multiples of a rung's ``max_rate``.
_PEAK, _BUFFER = 1.2, 2
#: Aspect ratios of samples beyond these are mistakes, and shapes that differ by less are the same one.
_SAR = "if(between(sar,0.25,4),sar,1)"
_SAME_SHAPE = 0.02

#: Verbose, because that alone tells at the end how many pictures were decoded.
GLOBAL = ("-hide_banner", "-nostdin", "-v", "verbose", "-nostats", "-progress", "pipe:1", "-stats_period", "0.5")
#: Constant quality under a rate cap; key frames by number only, so that they fall together in all rungs. Constant frame
#: rate also here: it fills up what comes late, and drops what filters repeat when the source changes its size.
#: One thread: with more, x264's rate cap depends on which is first, and no two runs would make the same bytes.
_H264 = {
    "c:v": "libx264",
    "preset": "veryfast",
    "profile:v": "high",
    "crf": 21,
    "bf": 3,
    "sc_threshold": 0,
    "threads": 1,
    "x264-params": "threads=1:lookahead-threads=1:log=0",
    "fps_mode": "cfr",
}


def command(binary: str, path: Path, demuxer: str, source: Source, plan: Plan) -> list[str]:
    """The program and its arguments."""
    file = ffmpeg.input(f"file:{path}", format=demuxer, threads=_THREADS, **INPUT_OPTIONS)
    branches = _prepared(file[str(source.video_track)], source, plan).filter_multi_output("split")
    outputs = [_rung(branches[number], rung, plan) for number, rung in enumerate(plan.rungs)]
    return [binary, *GLOBAL, "-max_error_rate", "1", *ffmpeg.merge_outputs(*outputs).get_args()]


def _prepared(video: Stream, source: Source, plan: Plan) -> Stream:
    """Pictures at the constant output rate, opaque and progressive, with colours that the scaler can read."""
    video = video.filter("setsar", _SAR)
    if source.interlaced:
        video = video.filter("bwdif", mode="send_field", deint="interlaced")
    if source.alpha:
        video = video.filter("premultiply", inplace=1)
    video = _regular(video, source, plan)
    if source.colours.hdr:
        return _tone_mapped(video, source.colours, plan.rungs[-1])
    if source.colours.foreign:
        return _named(video, source.colours).filter(
            "zscale", matrix="bt709", primaries="bt709", transfer="bt709", range="tv"
        )
    return video.filter("setparams", colorspace=source.colours.matrix) if source.colours.assumed else video


def _regular(video: Stream, source: Source, plan: Plan) -> Stream:
    """A picture in every place, from the first on, and no more than planned."""
    if source.phase:
        video = video.filter("settb", "AVTB").filter("setpts", f"PTS+{round(source.phase * 1_000_000)}")
    video = video.filter("fps", fps=str(plan.rate), eof_action="pass")
    if plan.hold_last:
        video = video.filter("tpad", stop=plan.frames, stop_mode="clone")
    return video.filter("trim", end=seconds(plan.seconds))


def _named(video: Stream, colours: Colours) -> Stream:
    names = {"color_primaries": colours.primaries, "color_trc": colours.transfer, "colorspace": colours.matrix}
    return video.filter("setparams", **names)


def _tone_mapped(video: Stream, colours: Colours, largest: Rung) -> Stream:
    """High dynamic range brought down to BT.709, once for all rungs, in linear light (203 nits: ITU-R BT.2408)."""
    width, height = _fitted(largest)
    return (
        _named(video, colours)
        .filter("zscale", width=width, height=height, transfer="linear", npl=203)
        .filter("format", "gbrpf32le")
        .filter("zscale", primaries="bt709")
        .filter("tonemap", tonemap="mobius", desat=0)
        .filter("zscale", transfer="bt709", matrix="bt709", range="tv")
        .filter("format", "yuv420p")
    )


def _rung(branch: Stream, rung: Rung, plan: Plan) -> OutputStream:
    width, height = _fitted(rung)
    picture = (
        branch.filter("scale", width, height, flags="bicubic", out_range="tv", out_color_matrix="bt709")
        .filter("setsar", 1)
        .filter("format", "yuv420p")
        .filter("pad", rung.width, rung.height, "(ow-iw)/2", "(oh-ih)/2")
        .filter("setparams", range="tv", color_primaries="bt709", color_trc="bt709", colorspace="bt709")
    )
    options = {
        "maxrate": int(rung.max_rate * _PEAK),
        "bufsize": rung.max_rate * _BUFFER,
        "g": plan.gop_frames,
    }
    return ffmpeg.output(picture, hls_target(rung.name), **_H264, **options, **hls_options(rung.name, plan))


def _fitted(rung: Rung) -> tuple[str, str]:
    """Width and height for a picture of any shape: the rung's, or as much of it as keeps a foreign shape."""
    shape = f"(dar*{rung.height}/{rung.width})"
    same = f"lt(abs({shape}-1),{max(_SAME_SHAPE, 2 / min(rung.width, rung.height)):.4f})"
    return (
        f"if({same},{rung.width},max(2,2*round({rung.width}*min(1,{shape})/2)))",
        f"if({same},{rung.height},max(2,2*round({rung.height}*min(1,1/{shape})/2)))",
    )
