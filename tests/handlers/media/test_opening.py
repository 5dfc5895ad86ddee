"""Guards the one door to uploads: what every handler that reads a file does with it, by way of the decoder."""

import ast
from pathlib import Path

import pytest

import handlers
from broker.errors import PermanentError
from handlers.media.bounds import RECORDING
from handlers.media.decoding import decode
from handlers.media.opening import open_as
from handlers.media.tracks import video_track
from tests.handlers.transcoding.conftest import Make, make
from tests.handlers.transcoding.sources import AAC, X264, picture, sound

__all__ = ["make"]

READERS = {
    "handlers.transcoding.scan:look": ["mov"],
    "handlers.plugins.probing:describe_recording": [],
    "handlers.plugins.stills:of_video": [[], [64], "jpg"],
    "handlers.plugins.peaks:listen": [100],
    "handlers.embedding.reading.video:raw_frames": [],
}
DEMUXERS = {".mkv": "matroska", ".avi": "avi"}


def read(function: str, path: Path) -> list[object]:
    arguments = READERS[function]
    if arguments == ["mov"]:
        arguments = [DEMUXERS.get(path.suffix, "mov")]
    return list(decode(function, str(path), *arguments, limits=RECORDING, seconds=60))


@pytest.mark.parametrize("function", READERS)
@pytest.mark.parametrize("name", ["title.mp4", "title.mkv", "title.avi", "handler.mp4"])
def test_names_in_a_file_may_be_of_any_encoding(make: Make, tmp_path: Path, name: str, function: str) -> None:
    """As old cameras and programs write them: Latin-1."""
    about = ["-metadata:s:v:0", "handler_name=ZXrich"] if "handler" in name else ["-metadata", "title=ZXrich"]
    plain = make(name, *picture("160x90"), *sound(), *X264, *AAC, *about).read_bytes()
    assert plain.count(b"ZXrich") == 1
    (tmp_path / name).write_bytes(plain.replace(b"ZXrich", b"Z\xfcrich"))
    assert read(function, tmp_path / name)


@pytest.mark.parametrize("function", READERS)
def test_frames_larger_than_the_bound_are_never_decoded(make: Make, function: str) -> None:
    bomb = make(
        "bomb.mov", "-f", "lavfi", "-i", "color=red:s=8000x6000:d=0.04", *sound(), "-c:v", "png", "-threads", "1"
    )
    if function in ("handlers.plugins.probing:describe_recording", "handlers.plugins.peaks:listen"):
        assert read(function, bomb), "it decodes no picture"
    else:
        with pytest.raises(PermanentError, match=r"megapixels|million pixels"):
            read(function, bomb)


@pytest.mark.parametrize(("marks", "height"), [(("default", "0"), 180), (("0", "0"), 180), (("0", "default"), 180)])
def test_the_largest_of_several_video_tracks_stands_for_the_file(
    make: Make, marks: tuple[str, str], height: int
) -> None:
    """As in what is transcoded: programs mark the first by themselves."""
    both = (*picture("160x90", seconds=0.2), *picture("320x180", seconds=0.2), "-map", "0", "-map", "1", *X264)
    upload = make(f"{''.join(marks)}.mkv", *both, "-disposition:v:0", marks[0], "-disposition:v:1", marks[1])
    with open_as(str(upload), "matroska") as container:
        assert video_track(container).height == height


def test_nothing_else_opens_what_strangers_sent() -> None:
    """``av.open`` and ``Image.open`` are called once each."""
    found = []
    root = Path(handlers.__path__[0])
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("av.open", "Image.open"):
                found.append(f"{path.relative_to(root)}: {ast.unparse(node.func)}")
    assert sorted(found) == ["media/opening.py: av.open", "media/pictures.py: Image.open"]
