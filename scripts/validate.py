"""``make validate URL=https://example.org/master.m3u8`` tells what is wrong with an HLS stream, on whatever server.

It reads every playlist and segment, within bounds, and holds them against RFC 8216, Apple's authoring specification and
each other. A file's name instead of a URL checks a folder, and tells which files nothing names. Exit status 1 when
players may fail on it, 2 when it cannot be checked.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from handlers.transcoding.ffmpeg import binary
from handlers.transcoding.validation.reading import Folder, Reader, Web
from handlers.transcoding.validation.renditions import load
from handlers.transcoding.validation.stream import Stream, validate

#: Seconds that decoding one segment may take.
_DECODING = 120
_SOUND, _FAULTY, _IMPOSSIBLE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    asked = _parser().parse_args(arguments)
    if not asked.url:
        print("What is to be checked? make validate URL=https://example.org/master.m3u8", file=sys.stderr)
        return _IMPOSSIBLE
    name, reader, folder = _source(asked)
    stream = validate(
        name,
        reader,
        partial(load, reader=reader, decode=_decode if asked.decode else None),
        storyboard=asked.storyboard,
    )
    for line in stream.report.lines():
        print(line)
    for orphan in folder.orphans() if folder else []:
        print(f"advice: {orphan}: is named by nothing that was read [orphans]")
    print(_summary(stream))
    return _FAULTY if stream.report.errors else _SOUND


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.validate", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("url", nargs="?", help="a master or media playlist: http, https, or a file")
    parser.add_argument("--storyboard", metavar="VTT", help="also check this WebVTT, relative to the playlist")
    parser.add_argument("--decode", action="store_true", help="decode every segment, with the bundled ffmpeg")
    parser.add_argument("--megabytes", type=int, default=20_000, help="read no more in all (default %(default)s)")
    parser.add_argument("--requests", type=int, default=50_000, help="fetch no more files (default %(default)s)")
    return parser


def _source(asked: argparse.Namespace) -> tuple[str, Reader, Folder | None]:
    """What the playlist is called, who reads it, and the folder that it may lie in."""
    if "://" in asked.url:
        return asked.url, Web(requests_left=asked.requests, bytes_left=asked.megabytes * 10**6), None
    path = Path(asked.url)
    folder = Folder(path.parent)
    return path.name, folder, folder


def _decode(segment: bytes) -> str:
    """What ffmpeg complains about; it reads nothing but its input."""
    argv = [binary(), "-nostdin", "-v", "error", "-protocol_whitelist", "pipe", "-f", "mov", "-i", "pipe:0"]
    try:
        ended = subprocess.run(
            [*argv, "-f", "null", "-"], input=segment, capture_output=True, timeout=_DECODING, check=False
        )
    except subprocess.TimeoutExpired:
        return f"decoding it takes more than {_DECODING} s"
    said = ended.stderr.decode(errors="replace").strip()
    return said.splitlines()[0] if said else f"ffmpeg ended with {ended.returncode}" if ended.returncode else ""


def _summary(stream: Stream) -> str:
    parts = sum(len(each.playlist.entries) for each in stream.renditions.values())
    seconds = max((float(each.playlist.seconds) for each in stream.renditions.values()), default=0.0)
    errors, findings = len(stream.report.errors), len(stream.report.findings)
    state = ", still being made" if stream.growing else ""
    read = f"{len(stream.renditions) + stream.texts} playlists, {parts} segments, {seconds:.1f} s{state}"
    return f"{read}: {errors} errors, {findings - errors} pieces of advice."


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)
