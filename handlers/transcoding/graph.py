"""Builds the one ffmpeg command that decodes a source once and encodes all its renditions.

Relative output paths, so it must run in the folder that gets them: ``<rung>/init.mp4`` and ``<rung>/seg_00000.m4s``,
``audio/...`` alike, and ``poster.jpg``.
"""

import os
from math import floor
from pathlib import Path

import ffmpeg
from ffmpeg.nodes import OutputStream, Stream

from handlers.media.bounds import INPUT_OPTIONS
from handlers.transcoding.hls_output import hls_options, hls_target, seconds
from handlers.transcoding.ladder import Rung
from handlers.transcoding.plan import Plan
from handlers.transcoding.sound import audio_arguments
from handlers.transcoding.source import Source

POSTER = "poster.jpg"
#: Several encoders run side by side, so more threads each buy nothing but memory.
_THREADS = min(2, os.cpu_count() or 1)
#: The rate cap, and the buffer that it holds over, as multiples of a rung's ``max_rate``.
_PEAK, _BUFFER = 1.2, 2
_POSTER_AT, _POSTER_CHOICE, _POSTER_SIDE = 0.1, 25, 720

_GLOBAL = ("-nostdin", "-v", "error", "-progress", "pipe:1", "-stats_period", "0.5", "-max_error_rate", "0.5")
#: Constant quality under a rate cap; key frames by number only, so that they fall together in all rungs. Constant frame
#: rate also here: it fills up what comes late, and drops what filters repeat when the source changes its size.
_H264 = {
    "c:v": "libx264",
    "preset": "veryfast",
    "profile:v": "high",
    "crf": 21,
    "bf": 3,
    "sc_threshold": 0,
    "threads": _THREADS,
    "fps_mode": "cfr",
}


def command(binary: str, path: Path, demuxer: str, source: Source, plan: Plan) -> list[str]:
    """The program and its arguments."""
    file = ffmpeg.input(f"file:{path}", format=demuxer, threads=_THREADS, **INPUT_OPTIONS)
    branches = _prepared(file["V:0"], source, plan).filter_multi_output("split")
    outputs = [_rung(branches[number], rung, plan) for number, rung in enumerate(plan.rungs)]
    outputs.append(_poster(branches[len(plan.rungs)], plan))
    sound = [] if source.audio_track is None else audio_arguments(source.audio_track, len(outputs), plan)
    return [binary, *_GLOBAL, *ffmpeg.merge_outputs(*outputs).get_args(), *sound]


def _prepared(video: Stream, source: Source, plan: Plan) -> Stream:
    """Pictures at the constant output rate, opaque and progressive, with standard range and a known colour matrix."""
    if source.interlaced:
        video = video.filter("bwdif", mode="send_field", deint="interlaced")
    if source.alpha:
        video = video.filter("premultiply", inplace=1)
    video = video.filter("fps", fps=str(plan.rate))
    if plan.held_frames:
        video = video.filter("tpad", stop=plan.held_frames, stop_mode="clone")
    if source.hdr_transfer:
        return _tone_mapped(video, source.hdr_transfer, plan.rungs[-1])
    return video.filter("setparams", colorspace=source.assumed_matrix) if source.assumed_matrix else video


def _tone_mapped(video: Stream, transfer: str, largest: Rung) -> Stream:
    """High dynamic range brought down to BT.709, once for all rungs, in linear light (203 nits: ITU-R BT.2408)."""
    named = {"color_primaries": "bt2020", "color_trc": transfer, "colorspace": "bt2020nc"}
    return (
        video.filter("setparams", **named)
        .filter("zscale", width=largest.width, height=largest.height, transfer="linear", npl=203)
        .filter("format", "gbrpf32le")
        .filter("zscale", primaries="bt709")
        .filter("tonemap", tonemap="mobius", desat=0)
        .filter("zscale", transfer="bt709", matrix="bt709", range="tv")
        .filter("format", "yuv420p")
    )


def _rung(branch: Stream, rung: Rung, plan: Plan) -> OutputStream:
    picture = (
        branch.filter("scale", rung.width, rung.height, flags="bicubic", out_range="tv", out_color_matrix="bt709")
        .filter("setsar", 1)
        .filter("format", "yuv420p")
        .filter("setparams", range="tv", color_primaries="bt709", color_trc="bt709", colorspace="bt709")
    )
    options = {
        "maxrate": int(rung.max_rate * _PEAK),
        "bufsize": rung.max_rate * _BUFFER,
        "g": plan.gop_frames,
    }
    return ffmpeg.output(picture, hls_target(rung.name), **_H264, **options, **hls_options(rung.name, plan))


def _poster(branch: Stream, plan: Plan) -> OutputStream:
    """The most typical picture of some that come after a tenth of the video, in the colours of JPEG."""
    first = floor(plan.frames * _POSTER_AT) / plan.rate
    rung = [each for each in plan.rungs if min(each.width, each.height) <= _POSTER_SIDE][-1]
    picture = (
        branch.filter("trim", start=seconds(first))
        .filter("trim", end_frame=_POSTER_CHOICE)
        .filter("scale", rung.width, rung.height, out_range="pc", out_color_matrix="bt601")
        .filter("setsar", 1)
        .filter("format", "yuvj420p")
        .filter("thumbnail", n=_POSTER_CHOICE)
    )
    return ffmpeg.output(picture, POSTER, format="image2", update=1, **{"c:v": "mjpeg", "q:v": 3, "frames:v": 1})
