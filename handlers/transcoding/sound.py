"""Builds the ffmpeg commands that make renditions of sound, which all video renditions share.

They run apart from the pictures, so that neither a broken track nor a clock that jumps can hold them up. A rendition is
as long as the pictures: silence fills it up, at its beginning too, and what is too long is cut.

The source is decoded to plain stereo first and from there filtered by a graph of its own (ffmpeg's loopback decoder).
Otherwise each change of its channels would restart the filters, and what they put at the beginning and the end of the
track would be put in the middle.
"""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

from handlers.media.bounds import INPUT_OPTIONS
from handlers.transcoding.graph import EAGER, GLOBAL, MUTE
from handlers.transcoding.hls_output import INIT, SEGMENTS, hls_pieces, seconds
from handlers.transcoding.source import MAX_SECONDS
from handlers.transcoding.stretches import FRAME, RATE, Stretch

AUDIO = "audio"
#: The file of the samples that a stretch is made of: floats, two of four bytes each.
PCM, BYTES = "stretch.pcm", 8
#: A track of which more than this part cannot be decoded is given up.
_ERRORS = ("-max_error_rate", "0.5")
_PLAIN = {"c:a": "pcm_f32le", "ac": 2, "ar": RATE, "f": "null"}
_RAW = {"f": "f32le", "ar": RATE, "ac": 2}
#: The first AAC frame holds nothing but the encoder's priming; without it sound starts at 0, as pictures do.
_AAC = {"c:a": "aac", "b:a": "128k", "bsf:a": r"noise=drop=eq(n\,0)"}

#: What ffmpeg's HLS muxer tells the one of MP4 by itself.
_PIECES = "movflags=+frag_custom+dash+delay_moov"


def decoding(
    binary: str, path: Path, demuxer: str, track: int, length: Fraction, level: str = "", first: int = 0
) -> list[str]:
    """The program that says the samples of a rendition of ``track``, of which ``encoding`` makes stretches.

    ``track`` is the stream's index, ``length`` that of the pictures in seconds, ``level`` a further filter, ``first``
    the frame to begin with: what comes before is decoded and kept back.
    """
    kept_back = f",atrim=start_sample={first * FRAME}" if first else ""
    graph = f"[dec:0]{_chain(length, level)}{kept_back}[sound]"
    raw = ["-map", "[sound]", "-c:a", "pcm_f32le", "-f", "f32le", "pipe:1"]
    return [binary, *MUTE, *_ERRORS, *_file(path, demuxer), *_plain(track), "-filter_complex", graph, *raw]


def encoding(binary: str, stretch: Stretch) -> list[str]:
    """The program that makes the segments of a stretch, in the folder ``AUDIO``, of its samples in the file ``PCM``.

    They are cut at the stretch's frames, and get the times that these have in the whole.
    """
    # A frame of the encoder's priming and those before the stretch; then those after it.
    before = stretch.begins[0] - stretch.reads_from + 1
    after = f"+gte(n\\,{before + stretch.end - stretch.begins[0]})" if stretch.end is not None else ""
    coded = _AAC | {"bsf:a": f"noise=drop=lt(n\\,{before}){after}"}
    cuts = ",".join(str(frame - stretch.begins[0]) for frame in stretch.begins[1:])
    options = {
        "f": "segment",
        "segment_format": "mp4",
        "segment_header_filename": f"{AUDIO}/{INIT}",
        "individual_header_trailer": 0,
        # With one cut that never comes the muxer makes one segment; without any it cuts every two seconds.
        "segment_frames": cuts or MAX_SECONDS * RATE,
        "segment_start_number": stretch.first,
        "segment_format_options": f"{_PIECES}{hls_pieces(stretch.first).removeprefix('movflags=')}",
        "output_ts_offset": seconds(Fraction(stretch.reads_from * FRAME, RATE)),
        "avoid_negative_ts": "disabled",
    }
    target = f"{AUDIO}/{SEGMENTS.replace('*', '%05d')}"
    return [
        *(binary, *EAGER, *_arguments(_RAW), "-i", f"file:{PCM}", "-map", "0:a"),
        *_arguments(coded | options),
        target,
    ]


def measuring(binary: str, path: Path, demuxer: str, track: int, length: Fraction, level: str = "") -> list[str]:
    """The program that tells how loud a rendition of ``track`` would be: the same, encoded to nothing."""
    graph = f"[dec:0]{_chain(length, level)},ebur128=peak=true:framelog=quiet[sound]"
    nothing = ["-map", "[sound]", "-f", "null", "-"]
    return [binary, *GLOBAL, *_ERRORS, *_file(path, demuxer), *_plain(track), "-filter_complex", graph, *nothing]


def _plain(track: int) -> list[str]:
    """Decodes a stream to what ``[dec:0]`` stands for in a graph."""
    return ["-map", f"0:{track}", *_arguments(_PLAIN), "-", "-dec", "0:0"]


def _chain(length: Fraction, level: str) -> str:
    end = seconds(length)
    # What comes too late is cut at once, or silence would be made up to it.
    chain = f"atrim=end={end},aresample=async=1:first_pts=0,apad=whole_dur={end},atrim=end={end}"
    return f"{chain},{level}" if level else chain


def _file(path: Path, demuxer: str) -> list[str]:
    return ["-f", demuxer, *_arguments(INPUT_OPTIONS), "-i", f"file:{path}"]


def _arguments(options: Mapping[str, object]) -> list[str]:
    return [part for name, value in options.items() for part in (f"-{name}", str(value))]
