"""Becomes an ffmpeg that draws one picture: a rendition's beginning and one segment come in, a JPEG goes out.

    python -m handlers.media.still NUMBER WIDTH < init and segment > picture

It is given nothing but what was encoded here; memory and processor time are bounded all the same. Who starts it needs
no media library.
"""

import os
import resource
import sys

from imageio_ffmpeg import get_ffmpeg_exe

#: Bytes of address space, and seconds of processor time: a segment of 1080p is decoded in one.
_MEMORY, _SECONDS = 2**31, 20


def command(binary: str, number: int, width: int) -> list[str]:
    """Draws the picture ``number`` (from 0) of what comes in, or the last, ``width`` pixels wide at most."""
    drawn = f"select=gte(n\\,{number}),scale=min({width}\\,iw):-2:out_range=pc:out_color_matrix=bt601,format=yuvj420p"
    reading = ["-protocol_whitelist", "pipe", "-threads", "2", "-f", "mov", "-i", "pipe:0"]
    writing = ["-c:v", "mjpeg", "-q:v", "4", "-frames:v", "1", "-f", "image2pipe", "pipe:1"]
    return [binary, "-v", "error", "-nostdin", *reading, "-an", "-map_metadata", "-1", "-vf", drawn, *writing]


def main(number: str, width: str) -> None:
    """Does not return."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    binary = get_ffmpeg_exe()
    os.execv(binary, command(binary, int(number), int(width)))


if __name__ == "__main__":
    main(*sys.argv[1:])
