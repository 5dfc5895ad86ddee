"""Whether the model that the environment names can be loaded, as far as seconds tell, before any task is taken.

What passes here and fails all the same is given back (``handlers.embedding.loaded``).
"""

import json
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from broker.environment.reading import read_one
from handlers.embedding.models import device, hub
from handlers.embedding.models.settings import WEIGHTS, EmbeddingSettings


def check(environ: Mapping[str, str]) -> EmbeddingSettings:
    """The settings. Raises ``ValueError`` in words for the operator when nothing can be embedded under them."""
    settings = check_model(environ)
    device.check(settings)
    missing = [name for name in ("rapidocr", "pypdfium2") if find_spec(name) is None]
    if missing and read_one(environ, "EMBED_OCR"):
        raise ValueError(f"EMBED_OCR=1, but {missing[0]} is not installed here (pip install 'mindia-tasks[ocr]')")
    return settings


def check_model(environ: Mapping[str, str]) -> EmbeddingSettings:
    """As ``check``, for those who only look for what others embed: with the bundled model that takes no torch."""
    settings = EmbeddingSettings.from_env(environ)
    if settings.bundled:
        return settings
    try:
        if settings.folder is None:
            hub.require(settings.location)
        else:
            _check_folder(settings.folder)
    except (OSError, ValueError) as error:
        raise ValueError(f"EMBED_MODEL={settings.location} cannot be used: {error}") from error
    return settings


def generation(environ: Mapping[str, str]) -> str:
    """As ``check``; what workers with these settings make, as their records tell it (`broker.media.generations`)."""
    settings = check(environ)
    return f"{settings.tag}\n{'' if settings.bundled else settings.location}"


def _check_folder(folder: Path) -> None:
    if not (folder / "modules.json").is_file() and not (folder / "config.json").is_file():
        raise ValueError("there is neither modules.json nor config.json in this folder")
    weights = [path for path in folder.rglob("*") if path.suffix in WEIGHTS]
    if not weights:
        raise ValueError("there are no weights in this folder")
    for path in weights:
        if path.suffix == ".safetensors" and not _whole(path):
            raise ValueError(f"{path.relative_to(folder)} is damaged, or only a part of it has arrived")


def _whole(path: Path) -> bool:
    """Whether a safetensors file is as long as its header says (https://github.com/huggingface/safetensors, Format).

    Read here, because the library brings numpy along, which must not be in a process that forks.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if length > size - 8:
            return False
        try:
            tensors = json.loads(file.read(length))
            ends = [each["data_offsets"][1] for name, each in tensors.items() if name != "__metadata__"]
        except (ValueError, KeyError, AttributeError, IndexError, TypeError):
            return False
    return bool(8 + length + max(ends, default=0) == size)
