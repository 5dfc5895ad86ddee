"""Builds the one ffmpeg command that decodes a source once and encodes all its renditions.

Relative output paths, so it must run in the folder that gets them: ``<rung>/init.mp4`` and ``<rung>/seg_00000.m4s``,
``audio/...`` alike, and ``poster.jpg``.
"""

import os
from math import floor
from pathlib import Path
from typing import Any

import ffmpeg
from ffmpeg.nodes import OutputStream, Stream

from handlers.transcoding.ladder import Rung
from handlers.transcoding.plan import Plan
from handlers.transcoding.source import INPUT_OPTIONS, MAX_SECONDS, Source

AUDIO, POSTER = "audio", "poster.jpg"
INIT, SEGMENTS = "init.mp4", "seg_*.m4s"
#: Several encoders run side by side, so more threads each buy nothing but memory.
_THREADS = min(2, os.cpu_count() or 1)
#: The rate cap, and the buffer that it holds over, as multiples of a rung's ``max_rate``.
_PEAK, _BUFFER = 1.2, 2
_POSTER_AT, _POSTER_CHOICE, _POSTER_SIDE = 0.1, 25, 720

_GLOBAL = ("-nostdin", "-v", "error", "-progress", "pipe:1", "-stats_period", "0.5", "-max_error_rate", "0.5")
_COMMON = {"t": MAX_SECONDS, "map_metadata": -1, "map_chapters": -1}
#: Constant quality under a rate cap; key frames by number only, so that they fall together in all rungs.
_H264 = {
    "c:v": "libx264",
    "preset": "veryfast",
    "profile:v": "high",
    "crf": 21,
    "bf": 3,
    "sc_threshold": 0,
    "flags:v": "+cgop",
    "threads": _THREADS,
}
#: The first AAC frame holds nothing but the encoder's priming; without it sound starts at 0, as pictures do.
_AAC = {"c:a": "aac", "b:a": "128k", "ac": 2, "ar": 48000, "bsf:a": r"noise=drop=eq(n\,0)"}
#: The last three switches together start both tracks at 0 without an edit list, which players ignore.
_HLS = {
    "format": "hls",
    "hls_playlist_type": "vod",
    "hls_segment_type": "fmp4",
    "hls_fmp4_init_filename": INIT,
    "hls_flags": "temp_file",
    "avoid_negative_ts": "disabled",
    "hls_segment_options": "movflags=+negative_cts_offsets+frag_discont:use_editlist=0",
}


def command(binary: str, path: Path, demuxer: str, source: Source, plan: Plan) -> list[str]:
    """The program and its arguments."""
    file = ffmpeg.input(f"file:{path}", format=demuxer, threads=_THREADS, **INPUT_OPTIONS)
    branches = _prepared(file["V:0"], source, plan).filter_multi_output("split")
    outputs = [_rung(branches[number], rung, plan) for number, rung in enumerate(plan.rungs)]
    outputs.append(_poster(branches[len(plan.rungs)], plan))
    if source.audio_track is not None:
        outputs.append(_audio(file[f"a:{source.audio_track}"], plan))
    return [binary, *ffmpeg.merge_outputs(*outputs).global_args(*_GLOBAL).get_args()]


def _prepared(video: Stream, source: Source, plan: Plan) -> Stream:
    """Pictures at the constant output rate, opaque and progressive, with standard range and a known colour matrix."""
    if source.interlaced:
        video = video.filter("bwdif", mode="send_field", deint="interlaced")
    if source.alpha:
        video = video.filter("premultiply", inplace=1)
    video = video.filter("fps", fps=str(plan.rate), start_time=0)
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
        "keyint_min": plan.gop_frames,
    }
    return _output(picture, rung.name, plan, _H264 | options)


def _audio(track: Stream, plan: Plan) -> OutputStream:
    """One track for all rungs: silence where the source has none, so that it is exactly as long as the video."""
    seconds = _seconds(plan.seconds)
    sound = (
        track.filter("aresample", **{"async": 1, "first_pts": 0})
        .filter("apad", whole_dur=seconds)
        .filter("atrim", end=seconds)
    )
    return _output(sound, AUDIO, plan, _AAC)


def _output(stream: Stream, folder: str, plan: Plan, encoder: dict[str, Any]) -> OutputStream:
    where = {"hls_segment_filename": f"{folder}/{SEGMENTS.replace('*', '%05d')}"}
    # Rounded down, because a segment ends with the first key frame at or after this time.
    return ffmpeg.output(
        stream, f"{folder}/ffmpeg.m3u8", hls_time=_seconds(plan.segment_seconds), **_HLS, **_COMMON, **encoder, **where
    )


def _poster(branch: Stream, plan: Plan) -> OutputStream:
    """The most typical picture of some that come after a tenth of the video, in the colours of JPEG."""
    first = floor(plan.frames * _POSTER_AT)
    rung = [each for each in plan.rungs if min(each.width, each.height) <= _POSTER_SIDE][-1]
    picture = (
        branch.filter("trim", start_frame=first, end_frame=first + _POSTER_CHOICE)
        .filter("scale", rung.width, rung.height, out_range="pc", out_color_matrix="bt601")
        .filter("setsar", 1)
        .filter("format", "yuvj420p")
        .filter("thumbnail", n=_POSTER_CHOICE)
    )
    return ffmpeg.output(picture, POSTER, format="image2", update=1, **{"c:v": "mjpeg", "q:v": 3, "frames:v": 1})


def _seconds(exact: Any) -> str:
    """To the microsecond below, which is what ffmpeg's durations hold."""
    return f"{floor(exact * 1_000_000) / 1_000_000:.6f}"
