"""``mindia download``"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

import click
import requests

from scripts.cli.command import Call, command
from scripts.cli.failure import FAILED, NO_SERVER, Failure, Usage
from scripts.cli.words import clean, size

_CHUNK = 1 << 20
_FILENAME = re.compile(r"filename\*=UTF-8''([^;]+)")


@command("download", short_help="Save videos as MP4 files")
@click.argument("videos", metavar="ID...", nargs=-1, required=True, type=click.UUID)
@click.option("--variant", metavar="NAME", help="Which rendition, such as 720p; the largest unless given.")
@click.option("--start", metavar="SECONDS", type=click.FloatRange(0), help="Where the part to save begins.")
@click.option("--end", metavar="SECONDS", type=click.FloatRange(0, min_open=True), help="Where it ends.")
@click.option("-o", "--output", metavar="PATH", help="A file, a folder, or - for stdout; else the upload's name, here.")
def download_command(
    call: Call,
    videos: tuple[str, ...],
    variant: str | None,
    start: float | None,
    end: float | None,
    output: str | None,
) -> None:
    """Save videos, each as one MP4 with its sound, or a part of each. Nothing that is there already is replaced.

    \b
    mindia download ID --variant 720p
    mindia download ID --start 12.5 --end 30
    mindia download ID -o - | ffprobe -
    """
    if len(videos) > 1 and output is not None and not Path(output).is_dir():
        raise Usage("Several videos go into a folder that is there: name one with --output.")
    asked = {"variant": variant, "start": start, "end": end}
    query = {name: str(value) for name, value in asked.items() if value is not None}
    call.for_each(map(str, videos), lambda each: _download(call, each, query, output))


def _download(call: Call, video: str, query: dict[str, str], output: str | None) -> None:
    with call.api.send("GET", f"/api/videos/{video}/download", params=query, stream=True) as answer:
        if output == "-":
            _copy(answer, sys.stdout.buffer)
            return
        path = _path(answer, video, output)
        part = path.with_name(f"{path.name}.part")
        try:
            if path.exists():
                raise Failure(f"{path} is there already: name another with --output.", FAILED)
            with part.open("wb") as file:
                _copy(answer, file)
            part.replace(path)
        except OSError as error:
            raise Usage(f"{path} cannot be written ({error.strerror}).") from error
        finally:
            part.unlink(missing_ok=True)
    if not call.out.data({"id": video, "file": str(path)}, [str(path)]):
        call.out.line(f"{video}  {clean(str(path))}  {size(path.stat().st_size)}")


def _copy(answer: requests.Response, file: BinaryIO) -> None:
    for piece in _pieces(answer):
        file.write(piece)
    file.flush()


def _pieces(answer: requests.Response) -> Iterator[bytes]:
    try:
        yield from answer.iter_content(_CHUNK)
    except requests.RequestException as error:
        raise Failure("The connection broke before all had come: try again.", NO_SERVER) from error


def _path(answer: requests.Response, video: str, output: str | None) -> Path:
    """Where it is saved; no name that comes from elsewhere leaves the folder."""
    if output is not None and not Path(output).is_dir():
        return Path(output)
    told = _FILENAME.search(answer.headers.get("Content-Disposition", ""))
    name = Path(unquote(told[1])).name if told else ""
    plain = name and name.isprintable() and not name.startswith(".")
    return Path(output or ".") / (name if plain else f"{video}.mp4")
