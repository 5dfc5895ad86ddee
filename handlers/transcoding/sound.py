"""The part of the ffmpeg command that makes the one audio rendition, which all video renditions share.

The source is decoded to plain stereo first and from there filtered by a graph of its own (ffmpeg's loopback decoder).
Otherwise each change in the source, of its channels as of its pictures' size, would restart the filters, and what they
put at the beginning and the end of the track would be put in the middle.
"""

from handlers.transcoding.hls_output import hls_options, hls_target, seconds
from handlers.transcoding.plan import Plan

AUDIO = "audio"
_PLAIN = {"c:a": "pcm_f32le", "ac": 2, "ar": 48_000, "f": "null"}
#: The first AAC frame holds nothing but the encoder's priming; without it sound starts at 0, as pictures do.
_AAC = {"c:a": "aac", "b:a": "128k", "bsf:a": r"noise=drop=eq(n\,0)"}


def audio_arguments(track: int, outputs: int, plan: Plan) -> list[str]:
    """Arguments that go behind ``outputs`` outputs of a command; ``track`` counts the source's audio tracks from 0.

    The rendition is as long as the video: silence fills it up, at its beginning too, and what is too long is cut.
    """
    end = seconds(plan.seconds)
    graph = f"[dec:0]aresample=async=1:first_pts=0,apad=whole_dur={end},atrim=end={end}[sound]"
    plain = ["-map", f"0:a:{track}", *_arguments(_PLAIN), "-"]
    coded = ["-map", "[sound]", *_arguments(_AAC | hls_options(AUDIO, plan)), hls_target(AUDIO)]
    return [*plain, "-dec", f"{outputs}:0", "-filter_complex", graph, *coded]


def _arguments(options: dict[str, object]) -> list[str]:
    return [part for name, value in options.items() for part in (f"-{name}", str(value))]
